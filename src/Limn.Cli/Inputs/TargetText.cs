using System.Globalization;
using Limn.Models;

namespace Limn.Cli.Inputs;

/// <summary>Targets as the command line writes them.</summary>
internal static class TargetText
{
    /// <exception cref="CommandException">The text is no target.</exception>
    public static Target Parse(string? target, string? neuron, string? scale, BoxOutputs? boxes = null)
    {
        if (target is not null && neuron is not null) throw new CommandException("--target and --neuron are both given; give one.");
        Target parsed = neuron is not null ? Neuron(neuron) : target switch
        {
            null or "predicted" => Target.Predicted,
            "sum" => Target.Outputs,
            _ when target.StartsWith("box:", StringComparison.Ordinal) => Box(target, boxes),
            _ when target.StartsWith("margin:", StringComparison.Ordinal) && Integers(target["margin:".Length..]) is { Length: 2 } pair => Target.Margin(pair[0], pair[1]),
            _ when target.StartsWith("layer:", StringComparison.Ordinal) && Integers(target["layer:".Length..]) is null => Target.Layer(target["layer:".Length..]),
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
        throw new CommandException($"--target takes a class (3), a class for each row (3,1,4), predicted, sum, margin:A,B, an output's element (NAME:INDEX), layer:LAYER, or box:X1,Y1,X2,Y2[:CLASS]; '{text}' is none of them.");
    }

    private static Target Box(string text, BoxOutputs? outputs)
    {
        string[] parts = text.Split(':');
        float[] n = [.. parts[1].Split(',').Select(p => float.TryParse(p, CultureInfo.InvariantCulture, out float v) ? v : float.NaN)];
        int k = -1;
        bool right = parts.Length is 2 or 3 && n.Length == 4 && Array.TrueForAll(n, float.IsFinite) && (parts.Length == 2 || (int.TryParse(parts[2], CultureInfo.InvariantCulture, out k) && k >= 0));
        if (!right) throw new CommandException($"a box is given as box:X1,Y1,X2,Y2 or box:X1,Y1,X2,Y2:CLASS, left, top, right and bottom; '{text}' is not that.");
        if (!(n[2] > n[0] && n[3] > n[1])) throw new CommandException($"the box '{text}' ends before it begins; give left, top, right and bottom.");
        return Target.Box(new Box(n[0], n[1], n[2], n[3]), parts.Length == 3 ? k : null, outputs);
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
