namespace Limn.Cli;

/// <summary>What a command writes to, and who may stop it.</summary>
/// <param name="Out">Results.</param>
/// <param name="Error">Progress, notes and errors.</param>
internal sealed record CommandContext(TextWriter Out, TextWriter Error)
{
    public bool OutIsTerminal { get; init; }

    public bool ErrorIsTerminal { get; init; }

    public CancellationToken Cancellation { get; init; }

    /// <summary>Says something worth knowing that is no result.</summary>
    public void Note(string text) => Error.WriteLine("limn: " + text);
}

/// <summary>The command line itself is wrong: exit code 2.</summary>
internal sealed class CommandException(string message) : LimnException(message);
