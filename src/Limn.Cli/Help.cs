using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Limn.Cli;

/// <summary>A command with examples for its help.</summary>
internal sealed class ExampleCommand(string name, string description) : Command(name, description)
{
    /// <summary>Command lines with a word on each.</summary>
    public IReadOnlyList<(string Line, string Says)> Examples { get; init; } = [];
}

/// <summary>The usual help, and after it the examples of the command.</summary>
internal sealed class ExampleHelp(HelpAction help) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        int code = help.Invoke(parseResult);
        TextWriter output = parseResult.InvocationConfiguration.Output;
        if (parseResult.CommandResult.Command is ExampleCommand { Examples.Count: > 0 } command)
        {
            output.WriteLine("Examples:");
            foreach (var (line, says) in command.Examples)
            {
                output.WriteLine($"  # {says}");
                output.WriteLine($"  {line}");
            }
            output.WriteLine();
        }
        else if (parseResult.CommandResult.Command is RootCommand)
        {
            output.WriteLine("""
                Examples:
                  # See what it does, with samples that ship with Limn
                  limn demo --output demo
                  # Why did the network call this picture a cat?
                  limn explain model.onnx --input cat.png --preset imagenet --method integrated-gradients --output why

                Exit codes: 0 done, 1 the work failed, 2 the command was wrong. Nothing leaves this machine.

                """);
        }
        return code;
    }
}

/// <summary>Prints the version.</summary>
internal sealed class VersionAction : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        parseResult.InvocationConfiguration.Output.WriteLine($"limn {LimnCommand.Version}");
        return LimnCommand.Done;
    }
}
