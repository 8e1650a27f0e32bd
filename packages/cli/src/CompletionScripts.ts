/**
 * What a shell runs to complete the words of this command. The scripts only ask
 * `fermata --complete SHELL WORD...`, which prints a candidate a line, so all
 * shells offer the same, and what the database holds too.
 */

export const shells = ["bash", "zsh", "fish"] as const
/** A shell that completes words. */
export type Shell = typeof shells[number]

/** The script of a shell, with the line that installs it at its top. */
export const scriptOf = (shell: Shell): string => scripts[shell].trimStart()

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

// Bash splits words at `=` and `:` too, so it gives the line as it stands, and gets back what follows the last of them.
const bash = `
# fermata --completions bash >> ~/.bashrc
_fermata() {
  local value
  COMPREPLY=()
  while IFS= read -r value; do
    [[ -n "$value" ]] && COMPREPLY+=("$(printf %q "$value")")
  done < <("\${COMP_WORDS[0]}" --complete bash "\${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == */ ]] && compopt -o nospace
}
complete -F _fermata fermata
`

const zsh = `
#compdef fermata
# fermata --completions zsh > "\${fpath[1]}/_fermata"
_fermata() {
  local -a values texts folders
  local line value
  for line in "\${(@f)$("\${words[1]}" --complete zsh "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    value="\${line%%$'\\t'*}"
    [[ -z "$value" ]] && continue
    if [[ "$value" == */ ]]; then folders+=("$value"); continue; fi
    values+=("$value")
    [[ "$line" == *$'\\t'* ]] && texts+=("$value  -- \${line#*$'\\t'}") || texts+=("$value")
  done
  (( \${#values} )) && compadd -l -d texts -a values
  (( \${#folders} )) && compadd -S '' -a folders
}
if [[ "$funcstack[1]" == "_fermata" ]]; then _fermata "$@"; else compdef _fermata fermata; fi
`

const fish = `
# fermata --completions fish > ~/.config/fish/completions/fermata.fish
function __fermata_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] --complete fish $words[2..-1] 2>/dev/null
end
complete -c fermata -f -a '(__fermata_complete)'
`

const scripts: { readonly [S in Shell]: string } = { bash, zsh, fish }
