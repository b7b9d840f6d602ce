using System.Globalization;
using System.Numerics.Tensors;
using Limn.Data;
using Limn.Engine;
using Limn.Models;

namespace Limn.Reports.Tests.Docs;

/// <summary>What each method shows of three digits of the sample: above the digits, below them their maps.</summary>
internal static class MethodPictures
{
    private const int Size = 96, Side = 8;
    private static readonly int[] Rows = [2, 11, 26];
    private static readonly string Samples = Path.Combine(SharedFiles.Root, "samples", "digits");
    private static readonly Lazy<(NdArray Pixels, Image[] Drawn)> Digits = new(Read);

    /// <summary>How a method is asked, where that is not by its defaults.</summary>
    private sealed record Setting
    {
        public string Model { get; init; } = "model.onnx";
        public string? At { get; init; }
        public Dictionary<string, string> Options { get; init; } = [];
        public Target? Neuron { get; init; }
        public Baseline? Baseline { get; init; }

        /// <summary>The side of the blocks that are features; 0 where each pixel is one.</summary>
        public int Blocks { get; init; }
    }

    private static readonly Dictionary<string, Setting> Settings = new()
    {
        ["cam"] = new() { Model = "pooled.onnx" },
        ["attention-rollout"] = new() { Model = "attention.onnx" },
        ["attention-relevance"] = new() { Model = "attention.onnx" },
        ["neuron-conductance"] = new() { Neuron = Target.Neuron("relu3", 8) },
        ["deep-lift-shap"] = new() { Baseline = Baseline.Several(Baseline.Zero, Baseline.Mean, Baseline.White) },
        ["occlusion"] = new() { Options = new() { ["window"] = "1,2,2", ["stride"] = "1,1,1" } },
        ["shapley-values"] = new() { Blocks = 2 },
        ["shapley-interactions"] = new() { Blocks = 3 },
        ["rise"] = new() { Options = new() { ["samples"] = "1000" } },
        // A picture of 8 x 8 pixels hardly changes when it is blurred by a twentieth of its side.
        ["meaningful-perturbation"] = new() { Baseline = Baseline.Zero, Options = new() { ["steps"] = "150" } },
        ["extremal-perturbation"] = new() { Baseline = Baseline.Zero, Options = new() { ["area"] = "0.2" } },
        ["anchors"] = new() { Blocks = 2 },
        ["rect-grad"] = new() { Options = new() { ["percentile"] = "80" } },
    };

    /// <summary>How the picture of a method is made, in words for its caption.</summary>
    public static string Caption(MethodDescription method)
    {
        Setting setting = Of(method);
        List<string> parts = [.. setting.Options.Select(o => $"`{o.Key}={o.Value}`")];
        if (setting.At is { } layer) parts.Add($"layer `{layer}`");
        if (setting.Neuron is { } neuron) parts.Add($"neuron `{neuron.Describe()}`");
        if (setting.Model != "model.onnx") parts.Add($"model `{setting.Model}`");
        if (setting.Blocks > 0) parts.Add($"features of {setting.Blocks}×{setting.Blocks} pixels");
        if (setting.Baseline is not null) parts.Add(setting.Baseline == Baseline.Zero ? "what is absent black" : "black, mean and white as the background");
        return parts.Count == 0 ? "" : $" ({string.Join(", ", parts)})";
    }

    public static Image Draw(MethodDescription method)
    {
        Setting setting = Of(method);
        OnnxModel model = OnnxModel.Load(Path.Combine(Samples, setting.Model));
        MethodData? data = setting == new Setting() ? null : new() { Neuron = setting.Neuron, Baseline = setting.Baseline, Mask = setting.Blocks > 0 ? [Blocks(setting.Blocks)] : null };
        Attribution a = MethodRegistry.Create(method.Name, model, setting.Options, data).Explain([Digits.Value.Pixels], Target.Predicted, new ExplainOptions { At = setting.At });
        var (flat, inner) = (new float[a.Values.FlattenedLength], (int)a.Values.FlattenedLength / Rows.Length);
        a.Values.FlattenTo(flat);
        int[] shape = [.. a.Values.Lengths.ToArray().Skip(1).Select(d => (int)d)];
        var options = new HeatMapOptions { ColorBar = false, MinimumSize = Size };
        Image[] maps = [.. Rows.Select((_, r) => Fit(HeatMap.Render(flat.AsSpan(r * inner, inner), shape[0], shape[1], shape[2], options: options).Picture))];
        return ContactSheet.Compose([Digits.Value.Drawn, maps], gap: 6);
    }

    private static NdArray Blocks(int side) => new([.. Enumerable.Range(0, Side * Side).Select(i => (long)(i / Side / side * Side + i % Side / side))], 1, Side, Side);

    private static Setting Of(MethodDescription method)
    {
        if (Settings.TryGetValue(method.Name, out Setting? setting)) return setting;
        bool map = method.NotApplicableBecause.Contains("positions of a layer", StringComparison.Ordinal) || method.Name == "guided-grad-cam";
        return new() { At = method.NeedsLayer || map ? "relu2" : null };
    }

    /// <summary>Heat maps are enlarged at least to a size; here all to the same, by whole pixels.</summary>
    private static Image Fit(Image picture)
    {
        if (picture.Width == Size) return picture;
        var fitted = new Image(Size, Size, picture.Channels);
        for (int y = 0; y < Size; y++)
            for (int x = 0; x < Size; x++) picture[x * picture.Width / Size, y * picture.Height / Size].CopyTo(fitted[x, y]);
        return fitted;
    }

    private static (NdArray, Image[]) Read()
    {
        string[] lines = File.ReadAllLines(Path.Combine(Samples, "test.csv"))[1..];
        float[][] digits = [.. Rows.Select(r => lines[r].Split(',').Skip(1).Select(v => float.Parse(v, CultureInfo.InvariantCulture) / 16).ToArray())];
        var pixels = new NdArray([.. digits.SelectMany(d => d)], Rows.Length, 1, Side, Side);
        Image[] drawn = [.. digits.Select(d => Fit(new Image(Side, Side, 1, [.. d.Select(v => (byte)(255 - Math.Round(v * 255)))])))];
        return (pixels, drawn);
    }
}
