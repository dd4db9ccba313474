"""One example per command, shown at the end of its --help: what for, and the words that follow the program's name.

A command without an entry fails tests/unit/test_help.py, and so does an example that its command would not accept.
"""

from collections.abc import Mapping

import click

Example = tuple[str, str]

# Noun -> a row's name, what `add` and `set` may say of it.
_ROWS = {
    "providers": ("xai", "--provider xai", "--timeout 120"),
    "models": ("grok-3-mini", "--provider xai", "--input-price 0.3 --output-price 0.5"),
    "endpoints": ("summary", "--model gpt-5 --max-tokens 800", "--temperature 0.2"),
    "prompts": ("summary", "--endpoint summary --user 'Sum up: {{text}}'", "--system 'Be brief.' --share 20"),
    "tools": ("look_up", "--schema @schema.json", "--description 'Looks up a word.'"),
    "flags": ("enable_streaming", "--off --environment dev", "--off --tier gold"),
    "tiers": ("gold", "--description 'Paying teams'", "--description 'Teams that pay'"),
    "chains": ("safe", "--models gpt-5,deepseek-v3.2 --on error,rate_limit", "--on error"),
    "limits": ("house", "--scope model --target gpt-5 --rpm 60", "--rpm 120"),
}


def _of_noun(noun: str, row: str, added: str, changed: str) -> dict[str, tuple[Example, ...]]:
    return {
        noun: (("See what there is", f"{noun} list"), ("What can be said of one", f"{noun} add --help")),
        f"{noun} list": (("For programs", f"{noun} list --json"),),
        f"{noun} show": (("Every field of one", f"{noun} show {row}"),),
        f"{noun} add": (("With the usual fields", f"{noun} add {row} {added}"),),
        f"{noun} set": (("Change only this", f"{noun} set {row} {changed}"),),
        f"{noun} remove": (("When nothing names it any more", f"{noun} remove {row}"),),
    }


# Command -> its examples; one line per example, in the order of the commands.
EXAMPLES: Mapping[str, tuple[Example, ...]] = {
    **{name: examples for noun, row in _ROWS.items() for name, examples in _of_noun(noun, *row).items()},
    "": (("Try it without any key", "--demo"), ("Look before you leap", "--print-config"),
         ("Serve two models", "--model-spec upstream=gpt-5 --model-spec upstream=deepseek-v3.2,reasoning=high")),
    "init": (("Answer a few questions", "init"),
             ("In a script, with OPENAI_API_KEY set", "init --non-interactive --provider openai --model gpt-5")),
    "import": (("See what becomes of it, then keep it", "import config.yaml --output gateway.env"),),
    "precommit": (("By hand, what the hook does", "precommit litellm.yaml .env.example"),),
    "status": (("Of the gateway on this port, for programs", "status --port 4000 --json"),),
    "reload": (("After a change of .env", "reload"),),
    "stop": (("The gateway on this port", "stop --port 4000"),),
    "check": (("What is declared here", "check"), ("A LiteLLM file, for annotations in a workflow",
                                                   "check config.yaml --format github"),
              ("What a code means", "check --explain GW101")),
    "explain": (("Before you change a timeout", "explain gpt-5"), ("What everything may cost", "explain"),
                ("Who says so", "explain MODEL_GPT5_TIMEOUT"),
                ("For programs", "explain gpt-5 --json")),
    "ping": (("Every model that answers in words", "ping"), ("One model, for programs", "ping gpt-5 --json"),
             ("In a script, whatever it may cost", "ping --all --yes")),
    "rehearse": (("Before a new configuration goes live", "rehearse"), ("In CI", "rehearse --junit rehearsal.xml"),
                 ("A LiteLLM file of your own", "rehearse --config config.yaml")),
    "diff": (("What a reload would change", "diff running"), ("What an edit changes", "diff .env.before .env"),
             ("Of two rendered files, for programs", "diff old.yaml new.yaml --json")),
    "completion": (("What to put into ~/.config/fish/completions/litellm-gateway.fish", "completion fish"),),
    "registry": (("Look at all of it", "registry export"),),
    "registry export": (("Keep a copy", "registry export --output registry.yaml"),),
    "registry import": (("See what a document would change", "registry import registry.yaml --dry-run"),),
    "registry schema": (("For an editor", "registry schema --output registry.schema.json"),),
    "registry seed": (("Begin with the known providers and models", "registry seed"),),
    "prompts activate": (("Roll back to the first version", "prompts activate summary 1"),),
    "prompts try": (("See the messages", "prompts try summary --var text='A long story'"),),
    "report": (("What each model cost in a month", "report costs --by model --since 30d"),
               ("Errors of a day, for a spreadsheet", "report errors --since 24h --csv")),
    "ledger": (("Watch requests as they end", "ledger tail --follow"),),
    "ledger tail": (("The last five, for programs", "ledger tail -n 5 --json"),),
    "ledger show": (("One request, by how its id begins", "ledger show 01k9"),),
    "ledger export": (("A week, one JSON object per line", "ledger export --json --since 7d"),),
    "ledger backup": (("While the gateway goes on", "ledger backup copy.db"),),
    "ledger unpriced": (("Which models lack a price", "ledger unpriced"),),
    "ledger reprice": (("See what today's prices would fill in", "ledger reprice --dry-run"),),
    "dashboard": (("In your browser", "dashboard --open"), ("On another port", "dashboard --port 4300")),
    "limits show": (("What is used and left of every limit", "limits show"),),
    "limits explain": (("Every limit that meets a request for gpt-5", "limits explain gpt-5"),),
    "keys": (("Who has one", "keys list"),),
    "keys add": (("A key for a month, for some models, with a budget",
                  "keys add alice --expires 30d --models 'gpt-*' --budget 20"),),
    "keys list": (("For programs", "keys list --json"),),
    "keys show": (("What alice may do", "keys show alice"),),
    "keys set": (("Fewer requests, no end", "keys set alice --rpm 30 --unset expires"),),
    "keys revoke": (("At once, everywhere", "keys revoke alice --now"),),
    "keys remove": (("With its row", "keys remove alice"),),
    "models available": (("What the gateway on another machine serves",
                          "models available --url https://gateway.example.com"),),
    "params": (("What gpt-5 accepts and drops", "params gpt-5"),),
    "render": (("For Kubernetes", "render k8s --namespace ml --name litellm"),),
    "render compose": (("With everything beside the gateway", "render compose --postgres --discovery --prometheus"),),
    "render k8s": (("The first time", "render k8s --namespace ml --name litellm --output litellm.yaml"),
                   ("After that", "render k8s --namespace ml --name litellm --no-secret --output litellm.yaml")),
    "discovery": (("Beside the gateway of this folder, with tokens from .env", "discovery"),),
}


def text_of(path: str, program: str) -> str:
    """Return the examples of the command ``path`` (``limits show``) as --help shows them, empty where it has none."""
    lines = []
    for title, arguments in EXAMPLES.get(path, ()):
        lines += [f"  {title}:", f"    {program} {arguments}"]
    return "\n".join(["Example:" if len(lines) == 2 else "Examples:", *lines, ""]) if lines else ""


def with_examples(command: click.Command, path: str, program: str) -> click.Command:
    """Return ``command`` with its examples at the end of its help, and the same for what is below it."""
    text = text_of(path, program)
    if text:
        command.epilog = "\b\n" + text.rstrip()  # \b keeps click from filling the lines
    for name, below in getattr(command, "commands", {}).items():
        with_examples(below, f"{path} {name}", program)
    return command
