"""The scripts that tell shells to ask this program: one line per possibility, `TYPE<tab>VALUE<tab>HELP`."""

from collections.abc import Mapping
from types import MappingProxyType

PROGRAM = "litellm-gateway"
# The shell's name, and the command line up to the cursor; bash also says where it breaks words.
SHELL_VARIABLE, LINE_VARIABLE = "_LITELLM_GATEWAY_COMPLETE", "_LITELLM_GATEWAY_LINE"
BREAKS_VARIABLE = "_LITELLM_GATEWAY_BREAKS"

_BASH = """\
_litellm_gateway_complete() {
    local type value help
    COMPREPLY=()
    while IFS=$'\\t' read -r type value help; do
        case $type in
            plain) COMPREPLY+=("$value") ;;
            open) COMPREPLY+=("$value"); compopt -o nospace 2>/dev/null ;;
            file) compopt -o default 2>/dev/null ;;
        esac
    done < <(_LITELLM_GATEWAY_COMPLETE=bash _LITELLM_GATEWAY_LINE="${COMP_LINE:0:COMP_POINT}" \\
             _LITELLM_GATEWAY_BREAKS="$COMP_WORDBREAKS" "$1" 2>/dev/null)
}
complete -o nosort -F _litellm_gateway_complete litellm-gateway 2>/dev/null ||
    complete -F _litellm_gateway_complete litellm-gateway
"""
_ZSH = """\
#compdef litellm-gateway
_litellm_gateway() {
    local entry
    local -a parts closed open
    local files=
    while IFS= read -r entry; do
        parts=("${(@ps:\\t:)entry}")
        case $parts[1] in
            plain) closed+=("${parts[2]//:/\\\\:}:${parts[3]}") ;;
            open) open+=("${parts[2]}") ;;
            file) files=1 ;;
        esac
    done < <(_LITELLM_GATEWAY_COMPLETE=zsh _LITELLM_GATEWAY_LINE="${words[1,CURRENT-1]} $PREFIX" "${words[1]}" \\
             2>/dev/null)
    (( $#closed )) && _describe -V litellm-gateway closed
    (( $#open )) && compadd -S '' -- "${open[@]}"
    [[ -n $files ]] && _files
    return 0
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _litellm_gateway "$@"
else
    compdef _litellm_gateway litellm-gateway
fi
"""
_FISH = """\
function __litellm_gateway_complete
    set -l line (commandline -cp)
    for entry in (env _LITELLM_GATEWAY_COMPLETE=fish _LITELLM_GATEWAY_LINE="$line" litellm-gateway 2>/dev/null)
        set -l parts (string split \\t -- $entry)
        switch $parts[1]
            case plain open
                printf '%s\\t%s\\n' $parts[2] "$parts[3]"
            case file
                __fish_complete_path (commandline -ct)
        end
    end
end
complete --no-files --command litellm-gateway --arguments '(__litellm_gateway_complete)'
"""
_POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName litellm-gateway -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $length = $cursorPosition - $commandAst.Extent.StartOffset
    $env:_LITELLM_GATEWAY_COMPLETE = 'powershell'
    $env:_LITELLM_GATEWAY_LINE = $commandAst.Extent.Text.PadRight($length).Substring(0, $length)
    try {
        & $commandAst.CommandElements[0].Value 2>$null | ForEach-Object {
            $type, $value, $help = $_ -split "`t", 3
            if ($type -eq 'file') {
                [System.Management.Automation.CompletionCompleters]::CompleteFilename($wordToComplete)
            } else {
                $tip = if ($help) { $help } else { $value }
                [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $tip)
            }
        }
    } finally {
        Remove-Item Env:_LITELLM_GATEWAY_COMPLETE, Env:_LITELLM_GATEWAY_LINE -ErrorAction SilentlyContinue
    }
}
"""
SCRIPTS: Mapping[str, str] = MappingProxyType({"bash": _BASH, "zsh": _ZSH, "fish": _FISH, "powershell": _POWERSHELL})
# Where each belongs, for the help.
PLACES: Mapping[str, str] = MappingProxyType({
    "bash": 'eval "$(litellm-gateway completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(litellm-gateway completion zsh)" in ~/.zshrc, after compinit',
    "fish": "litellm-gateway completion fish > ~/.config/fish/completions/litellm-gateway.fish",
    "powershell": "litellm-gateway completion powershell | Out-String | Invoke-Expression in $PROFILE",
})
