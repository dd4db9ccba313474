"""What keys look like, and what names stand for them."""

import re

_NAMES = re.compile(r"(?i)(^|.*_)(api_?key|master_?key|secret(_?key)?|token|password|passwd|private_?key|"
                    r"access_?key(_id)?|credentials?|secret_access_key|connection_string)$")
# Names that end like one and hold none.
_NO_SECRET = re.compile(r"(?i).*(max|min|prompt|completion|input|output|per|stop|bos|eos|pad|next|page)_?tokens?$|"
                        r".*(cost_per_token|_header_name|_key_name|token_env|key_env|prompt_cache_key)$")
# A key may stand behind an underscore, in a name; what belongs to it is masked with it.
SHAPE = re.compile(r"""(?x) (?<![A-Za-z0-9]) (?:
    sk-[\w-]{16,} | sk-ant-[\w-]{10,} | gsk_\w{16,} | xai-[\w-]{16,} | AIza[\w-]{16,} | AKIA[A-Z0-9]{12,} | hf_\w{20,}
    | gh[pousr]_\w{20,} | glpat-[\w-]{16,} | pplx-[a-f0-9]{20,} | r8_\w{20,} | xox[bap]-[\w-]{20,}
    | eyJ[\w-]{10,}\.eyJ[\w.-]* ) | -----BEGIN\ [A-Z ]*PRIVATE\ KEY[\s\S]*""")
_PASSWORD_IN_URL = re.compile(r"^[a-z][a-z0-9+.-]*://[^/@\s:]*:(?P<password>[^/@\s]+)@")
# What people write where a keyless upstream wants some key.
_PLACEHOLDER = re.compile(r"(?i)^(none|null|na|n/a|any|anything|empty|unused|test|xxx+|not[-_ ]?(needed|used|required)|"
                          r"no[-_]?key|key|changeme|os\.environ.*|oidc/.*|<.*>|\$\{?.*|"
                          r".*(fake|dummy|placeholder|example|your[-_]).*)$")


def secret_name(name: str) -> bool:
    """Return whether a key of this name usually holds a secret."""
    name = name.replace("-", "_")
    return bool(_NAMES.match(name)) and not _NO_SECRET.match(name)


def looks_like_key(text: str) -> bool:
    """Tell whether ``text`` holds something that providers' keys look like."""
    return SHAPE.search(text) is not None


def secret_value(text: str) -> bool:
    """Return whether a text has the shape of a provider's key, wherever it stands, or is a URL with a password."""
    found = _PASSWORD_IN_URL.match(text)
    if found:
        return not _PLACEHOLDER.match(found["password"])
    return not text.startswith("os.environ/") and looks_like_key(text) \
        and not re.search(r"(?i)fake|dummy|placeholder|example", text)


def looks_secret(text: str) -> bool:
    """Return whether a literal under a secret's name is one, and no word for "none needed"."""
    return secret_value(text) or (len(text) >= 12 and not _PLACEHOLDER.match(text) and " " not in text)
