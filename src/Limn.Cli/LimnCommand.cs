using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using Limn.Cli.Commands;
using Limn.Engine;

namespace Limn.Cli;

/// <summary>The <c>limn</c> command: parsing, exit codes, and errors as one line.</summary>
internal static class LimnCommand
{
    public const int Done = 0;
    public const int Failed = 1;
    public const int Wrong = 2;

    public static string Version { get; } = typeof(LimnException).Assembly.GetName().Version!.ToString(3);

    /// <summary>Runs one command.</summary>
    /// <returns>0 done, 1 the work failed, 2 the command was wrong.</returns>
    public static int Run(IReadOnlyList<string> args, CommandContext context)
    {
        bool verbose = args.Contains("--verbose");
        try
        {
            RootCommand root = Create(context);
            // Names of files may begin with '@', and there are no short options to bundle.
            ParseResult parsed = root.Parse(args, new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
            if (args.Count == 0) parsed = root.Parse(["--help"]);
            if (parsed.Action is not HelpAction and not ExampleHelp && Complaint(parsed) is { } complaint) throw new CommandException(complaint);
            return parsed.Invoke(new InvocationConfiguration { Output = context.Out, Error = context.Error, EnableDefaultExceptionHandler = false });
        }
        catch (OperationCanceledException)
        {
            context.Error.WriteLine("limn: cancelled; nothing was written.");
            return Failed;
        }
        catch (LimnException e)
        {
            context.Error.WriteLine("limn: " + OneLine(e.Message));
            if (verbose) context.Error.WriteLine(e);
            return e is CommandException or InvalidOptionException ? Wrong : Failed;
        }
        catch (Exception e) when (e is OutOfMemoryException)
        {
            context.Error.WriteLine("limn: there is not enough memory; explain fewer rows at a time, or a smaller picture.");
            return Failed;
        }
        catch (Exception e)
        {
            context.Error.WriteLine($"limn: internal error, please report it: {e.GetType().Name}: {OneLine(e.Message)}{(verbose ? "" : " (--verbose shows where)")}");
            if (verbose) context.Error.WriteLine(e);
            return Failed;
        }
    }

    private static RootCommand Create(CommandContext context)
    {
        var root = new RootCommand("Limn shows why a model decided: it explains any ONNX network, and says how far each explanation can be trusted.") { HelpName = "limn" };
        root.Add(DemoCommand.Create(context));
        root.Add(InspectCommand.Create(context));
        root.Add(PredictCommand.Create(context));
        root.Add(ExplainCommand.Create(context));
        root.Add(CompileCommand.Create(context));
        root.Add(MethodsCommand.Create(context));
        root.Add(ProfileCommand.Create(context));
        root.Add(new Option<bool>("--verbose") { Description = "Show where an error came from.", Recursive = true });
        root.Directives.Clear();
        foreach (Option option in root.Options)
        {
            if (option is VersionOption) option.Action = new VersionAction();
            else if (option is HelpOption { Action: HelpAction help }) option.Action = new ExampleHelp(help);
        }
        return root;
    }

    /// <summary>What is wrong with a command line, as one sentence; null if nothing is.</summary>
    private static string? Complaint(ParseResult parsed)
    {
        CommandResult command = parsed.CommandResult;
        string name = command.Command is RootCommand ? "limn" : $"limn {command.Command.Name}";
        // The parser takes a misspelt option for an argument.
        string? unknown = parsed.Tokens.TakeWhile(t => t.Type != TokenType.DoubleDash)
            .FirstOrDefault(t => t.Type == TokenType.Argument && t.Value.StartsWith("--", StringComparison.Ordinal) && t.Value.Length > 2)?.Value.Split('=')[0];
        if (unknown is not null)
        {
            IReadOnlyList<string> near = NearestName.Of(unknown, command.Command.Options.Select(o => o.Name).Append("--verbose"));
            return $"'{name}' has no option '{unknown}'. {(near.Count > 0 ? $"Did you mean {string.Join(" or ", near)}? " : "")}'{name} --help' lists them.";
        }
        if (parsed.Errors.Count == 0) return null;
        if (command.Command is RootCommand)
        {
            string? first = parsed.UnmatchedTokens.Count > 0 ? parsed.UnmatchedTokens[0] : null;
            if (first is null) return "say what to do: limn demo, inspect, predict, explain, compile, methods or profile. 'limn --help' tells more.";
            IReadOnlyList<string> near = NearestName.Of(first, command.Command.Subcommands.Select(c => c.Name));
            return $"there is no command '{first}'. {(near.Count > 0 ? $"Did you mean 'limn {near[0]}'? " : "")}'limn --help' lists all.";
        }
        return $"{OneLine(parsed.Errors[0].Message)} See '{name} --help'.";
    }

    private static string OneLine(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
