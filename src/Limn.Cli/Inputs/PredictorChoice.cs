using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Limn.Models;

namespace Limn.Cli.Inputs;

/// <summary>A model that is a program: <c>--predictor</c> and what belongs to it.</summary>
internal sealed class PredictorChoice
{
    private readonly Option<string?> predictor = new("--predictor") { Description = "Instead of a model: a program that reads rows from its standard input until it ends and writes a line of scores for each. No shell reads the command.", HelpName = "COMMAND" };
    private readonly Option<string?> format = new("--predictor-format") { Description = "How the program gets its rows: csv (with a header; default), or jsonl (an object a line).", HelpName = "csv|jsonl" };
    private readonly Option<string?> timeout = new("--predictor-timeout") { Description = "How many seconds the program may take for a batch of rows (default 60).", HelpName = "SECONDS" };
    private readonly Option<int> workers = NumberOption.AtLeast("--predictor-workers", 1, 1, "How many of the program may run at the same time.");

    public PredictorChoice AddTo(Command command)
    {
        foreach (Option option in new Option[] { predictor, format, timeout, workers }) command.Add(option);
        return this;
    }

    /// <summary>The command; null where a model file is explained.</summary>
    /// <exception cref="CommandException">An option belongs to a predictor, and none is given.</exception>
    public string? Command(ParseResult parsed)
    {
        if (parsed.GetValue(predictor) is { } command) return command;
        if (new Option[] { format, timeout }.FirstOrDefault(o => parsed.GetResult(o) is not null) is { } lost) throw new CommandException($"{lost.Name} belongs to --predictor \"COMMAND\"; give that too.");
        return null;
    }

    public int Workers(ParseResult parsed) => parsed.GetValue(workers);

    /// <param name="parsed">The command line.</param>
    /// <param name="columns">The names of the columns that the program gets; null where they have none.</param>
    public CommandPredictor Create(ParseResult parsed, IReadOnlyList<string>? columns) => new(parsed.GetValue(predictor)!)
    {
        Columns = columns,
        Format = Format(parsed),
        TimeLimit = TimeLimit(parsed),
    };

    /// <exception cref="CommandException">A value is none of those that the option takes.</exception>
    public void Check(ParseResult parsed)
    {
        _ = Create(parsed, null);
    }

    private RowFormat Format(ParseResult parsed) => parsed.GetValue(format) switch
    {
        null or "csv" => RowFormat.Csv,
        "jsonl" => RowFormat.JsonLines,
        var other => throw new CommandException($"--predictor-format takes csv or jsonl, and '{other}' is neither."),
    };

    private TimeSpan TimeLimit(ParseResult parsed) => parsed.GetValue(timeout) is not { } text ? TimeSpan.FromSeconds(60)
        : double.TryParse(text, CultureInfo.InvariantCulture, out double seconds) && seconds > 0 && seconds <= 1e6 ? TimeSpan.FromSeconds(seconds)
        : throw new CommandException($"--predictor-timeout takes a number of seconds above 0, and '{text}' is not that.");
}
