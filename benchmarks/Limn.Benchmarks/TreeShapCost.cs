using System.Diagnostics;
using System.Numerics.Tensors;
using Limn.Data;
using Limn.Trees;
using Limn.Trees.Shap;

namespace Limn.Benchmarks;

/// <summary>
/// Explains rows by the trees of a model; prints the best milliseconds of an explainer's first call, with its tables, and of those that follow. benchmarks/peers/trees.py
/// compares.
/// </summary>
/// <remarks>trees MODEL ROWS.npy [--rows N] [--threads N] [--background N] [--interactions] [--margin] [--algorithm A] [--repeat R] [--output VALUES.npy]</remarks>
internal static class TreeShapCost
{
    public static void Run(string[] args)
    {
        TreeEnsemble model = XgboostReader.Read(args[0]);
        Tensor<float> table = NpyFile.Read(args[1]).To<float>();
        var all = new float[table.FlattenedLength];
        table.FlattenTo(all);
        int features = model.Features, rows = Math.Min(Number("--rows", int.MaxValue), all.Length / features), background = Number("--background", 0), repeat = Number("--repeat", 5);
        float[] x = all[..(rows * features)];
        bool interactions = args.Contains("--interactions", StringComparer.Ordinal), margin = args.Contains("--margin", StringComparer.Ordinal);
        var options = new TreeShapOptions
        {
            Threads = Number("--threads", 0),
            Background = Last(all, features, background),
            Algorithm = Text("--algorithm") is { } name ? Enum.Parse<TreeShapAlgorithm>(name, ignoreCase: true) : TreeShapAlgorithm.Automatic,
        };

        double[] values = [];
        double first = double.PositiveInfinity, again = double.PositiveInfinity;
        for (int r = 0; r < repeat; r++)
        {
            var shap = new TreeShap(model, options);
            first = Math.Min(first, Time(shap));
            for (int i = 0; i < (rows == 1 ? 200 : 2); i++) again = Math.Min(again, Time(shap));
        }
        Console.WriteLine($"{first:F4} {again:F4}");
        if (Text("--output") is { } path)
        {
            nint[] shape = margin ? [rows, model.Outputs] : interactions ? [rows, features, features, model.Outputs] : [rows, features, model.Outputs];
            NpyFile.Write(path, Tensor.Create(Array.ConvertAll(values, v => (float)v), shape));
        }

        double Time(TreeShap shap)
        {
            long start = Stopwatch.GetTimestamp();
            values = margin ? model.Margin(x) : interactions ? shap.Interactions(x).Values : shap.Explain(x).Values;
            return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        string? Text(string option) => Array.IndexOf(args, option) is var at and >= 0 && at + 1 < args.Length ? args[at + 1] : null;

        int Number(string option, int otherwise) => Text(option) is { } text ? int.Parse(text) : otherwise;
    }

    // The last rows of the table, again and again if there are not enough.
    private static float[] Last(float[] all, int features, int count)
    {
        var rows = new float[count * features];
        int there = all.Length / features;
        for (int i = 0; i < count; i++) all.AsSpan((there - count % there + i) % there * features, features).CopyTo(rows.AsSpan(i * features));
        return rows;
    }
}
