using System.Text.Json;

namespace Limn.Cli.Tests;

/// <summary>What a command did.</summary>
internal sealed record Ran(int Code, string Out, string Error)
{
    /// <summary>The standard output, which must be one JSON document.</summary>
    public JsonElement Json => JsonDocument.Parse(Out).RootElement;

    /// <summary>Fails unless the command failed with this code and one line that holds all of these words.</summary>
    public void Refused(int code, params string[] words)
    {
        Assert.True(Code == code, $"code {Code}: {Out}{Error}");
        Assert.Empty(Out);
        string line = Assert.Single(Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.StartsWith("limn: ", line, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", line, StringComparison.Ordinal);
        Assert.DoesNotContain("internal error", line, StringComparison.Ordinal);
        foreach (string word in words) Assert.Contains(word, line, StringComparison.Ordinal);
    }
}

/// <summary>Runs the command in this process.</summary>
internal static class CommandLine
{
    public static Ran Run(params string[] args) => Run(CancellationToken.None, args);

    public static Ran Run(CancellationToken cancellation, params string[] args)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        int code = LimnCommand.Run(args, new CommandContext(output, error) { Cancellation = cancellation });
        return new Ran(code, output.ToString(), error.ToString());
    }

    /// <summary>Runs a command that must succeed.</summary>
    public static Ran Done(params string[] args)
    {
        Ran ran = Run(args);
        Assert.True(ran.Code == 0, $"code {ran.Code}: {ran.Error}");
        return ran;
    }
}
