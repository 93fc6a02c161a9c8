import { Argument, type Command } from 'commander';
import type { Finish } from './command';
import type { Io } from './programs';

/** `completion bash|zsh`: a script for the shell, generated from the commands themselves. */
export function addCompletion(root: Command, io: Io, finish: Finish): void {
  root
    .command('completion')
    .description('print a completion script for your shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh']))
    .addHelpText(
      'after',
      '\nExamples:\n  # for this shell\n  $ source <(flowgrid completion bash)\n  # for every zsh\n  $ flowgrid completion zsh > ~/.zfunc/_flowgrid',
    )
    .action((shell: string) => {
      io.out(shell === 'bash' ? bashScript(root) : zshScript(root));
      finish(0);
    });
}

interface Words {
  readonly name: string;
  readonly description: string;
  /** Options, also those of its own commands, and the words that its arguments may be. */
  readonly words: readonly string[];
}

function wordsOf(root: Command): Words[] {
  return root.commands.map((command) => {
    const words = [
      ...command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
      ...command.commands.map((sub) => sub.name()),
      ...[command, ...command.commands].flatMap(optionsOf),
      '--help',
    ];
    return { name: command.name(), description: command.description(), words: [...new Set(words)] };
  });
}

function optionsOf(command: Command): string[] {
  return command.options.filter(({ hidden }) => !hidden).map((option) => option.long ?? option.short ?? '');
}

function bashScript(root: Command): string {
  const commands = wordsOf(root);
  return [
    '_flowgrid() {',
    '  local current="${COMP_WORDS[COMP_CWORD]}" words=""',
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    words="${commands.map((command) => command.name).join(' ')} --help --version"`,
    '  else',
    '    case "${COMP_WORDS[1]}" in',
    ...commands.map((command) => `      ${command.name}) words="${command.words.join(' ')}" ;;`),
    '    esac',
    '  fi',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    '}',
    'complete -o default -F _flowgrid flowgrid',
  ].join('\n');
}

function zshScript(root: Command): string {
  const commands = wordsOf(root);
  const quoted = (text: string): string => `'${text.replace(/'/g, "'\\''")}'`;
  return [
    '#compdef flowgrid',
    '_flowgrid() {',
    '  if (( CURRENT == 2 )); then',
    `    local -a commands=(${commands.map((command) => quoted(`${command.name}:${command.description}`)).join(' ')})`,
    '    _describe command commands',
    '    return',
    '  fi',
    '  case "$words[2]" in',
    ...commands.map((command) => `    ${command.name}) compadd -- ${command.words.join(' ')} ;;`),
    '  esac',
    '  _files',
    '}',
    '# Autoloaded from fpath, this file is the function; sourced, it defines and registers it.',
    'if [ "$funcstack[1]" = "_flowgrid" ]; then _flowgrid "$@"; else compdef _flowgrid flowgrid; fi',
  ].join('\n');
}
