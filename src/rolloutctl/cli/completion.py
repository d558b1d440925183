"""Scripts that connect a shell with `completing.py`: the program knows the words, the shell knows files and quoting."""

from __future__ import annotations

from enum import StrEnum


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


_BASH = """\
# Completion of rolloutctl for bash 4.4 or newer.
_rolloutctl() {
  local current="${COMP_WORDS[COMP_CWORD]}" kind="" line
  [[ $current == "=" ]] && current=""
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ -z $kind ]]; then kind=$line; else COMPREPLY+=("${line%%$'\\t'*}"); fi
  done < <("${COMP_WORDS[0]}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null </dev/null)
  case $kind in
    files) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    toml) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -X '!*.toml' -o plusdirs -- "$current") ;;
  esac
}
complete -F _rolloutctl rolloutctl
"""
_ZSH = """\
#compdef rolloutctl
# Completion of rolloutctl for zsh.
_rolloutctl() {
  local kind line
  local -a lines values shown
  lines=("${(@f)$("${words[1]}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null </dev/null)}")
  kind=$lines[1]
  for line in "${(@)lines[2,-1]}"; do
    values+=("${line%%$'\\t'*}")
    if [[ $line == *$'\\t'* ]]; then
      shown+=("${(r:22:)${line%%$'\\t'*}} ${line#*$'\\t'}")
    else
      shown+=("$line")
    fi
  done
  case $kind in
    words) (( $#values )) && compadd -l -d shown -a values ;;
    files) _files ;;
    toml) _files -g '*.toml' ;;
  esac
}
if [[ ${funcstack[1]} == _rolloutctl ]]; then
  _rolloutctl "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
  compdef _rolloutctl rolloutctl
fi
"""
_FISH = """\
# Completion of rolloutctl for fish.
function __rolloutctl_words
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l lines ($before[1] __complete $before[2..-1] "$current" 2>/dev/null </dev/null)
    switch "$lines[1]"
        case words
            printf '%s\\n' $lines[2..-1]
        case files
            __fish_complete_path "$current"
        case toml
            __fish_complete_suffix .toml
    end
end
complete --command rolloutctl --no-files --arguments '(__rolloutctl_words)'
"""


def script(shell: Shell) -> str:
    return {Shell.BASH: _BASH, Shell.ZSH: _ZSH, Shell.FISH: _FISH}[shell]
