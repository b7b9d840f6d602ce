using System.Globalization;
using Limn.Models;

namespace Limn.Cli.Inputs;

/// <summary>Targets as the command line writes them.</summary>
internal static class TargetText
{
    /// <exception cref="CommandException">The text is no target.</exception>
    public static Target Parse(string? target, string? neuron, string? scale)
    {
        if (target is not null && neuron is not null) throw new CommandException("--target and --neuron are both given; give one.");
        Target parsed = neuron is not null ? Neuron(neuron) : target switch
        {
            null or "predicted" => Target.Predicted,
            "sum" => Target.Outputs,
            _ => Class(target),
        };
        return scale switch
        {
            null or "as-is" => parsed,
            "logit" => parsed.Logit,
            "probability" => parsed.Probability,
            _ => throw new CommandException($"--output-scale takes logit, probability or as-is, and '{scale}' is none of them."),
        };
    }

    private static Target Class(string text)
    {
        if (Integers(text) is { } classes) return Target.Class(classes);
        int colon = text.LastIndexOf(':'); // names may contain colons themselves
        if (colon > 0 && int.TryParse(text.AsSpan(colon + 1), CultureInfo.InvariantCulture, out int index)) return Target.Output(text[..colon], index);
        throw new CommandException($"--target takes a class (3), a class for each row (3,1,4), predicted, sum, or an output's element (NAME:INDEX); '{text}' is none of them.");
    }

    /// <exception cref="CommandException">The text is no layer and index.</exception>
    public static Target Neuron(string text)
    {
        int colon = text.LastIndexOf(':');
        if (colon > 0 && Integers(text[(colon + 1)..]) is { } index) return Target.Neuron(text[..colon], index);
        throw new CommandException($"--neuron takes a layer and an index without the batch, as conv1:3,2,2; '{text}' is not that.");
    }

    private static int[]? Integers(string text)
    {
        string[] parts = text.Split(',');
        var numbers = new int[parts.Length];
        for (int i = 0; i < parts.Length; i++)
            if (!int.TryParse(parts[i], CultureInfo.InvariantCulture, out numbers[i])) return null;
        return numbers;
    }
}
