using System.Globalization;
using System.Text.Json;
using Limn.Engine;
using Limn.Models;
using Limn.Trees;

namespace Limn.Tests.Trees;

/// <summary>Models and tables of the tests of trees.</summary>
internal static class TreeFiles
{
    public static string Model(string name) => Path.Combine(SharedFiles.Root, "tests", "Limn.Tests", "Trees", "Models", name);

    public static string Fixture(string name) => SharedFiles.Path(Path.Combine("trees", "fixtures", name));

    /// <summary>A CSV of numbers without a header, in which an empty cell is NaN; row-major.</summary>
    public static (float[] Values, int Rows) Table(string path)
    {
        string[] lines = File.ReadAllLines(path);
        return ([.. lines.SelectMany(l => l.Split(',')).Select(c => c.Length == 0 ? float.NaN : float.Parse(c, CultureInfo.InvariantCulture))], lines.Length);
    }

    public static float[] Run(IPredictor model, float[] x, int rows) => model.Predict([new NdArray(x, rows, x.Length / rows)])[0].Floats.ToArray();

    /// <summary>A row each of features, margins and predictions, as the scripts in benchmarks/peers write them; more columns are left out.</summary>
    public static (float[] X, float[] Margins, float[] Predictions, int Rows) Expected(string name, int features, int outputs)
    {
        (float[] values, int rows) = Table(Model(name));
        float[][] lines = [.. values.Chunk(values.Length / rows)];
        return ([.. lines.SelectMany(l => l[..features])], [.. lines.SelectMany(l => l[features..(features + outputs)])], [.. lines.SelectMany(l => l[(features + outputs)..(features + 2 * outputs)])], rows);
    }

    /// <summary>|a − b| at most 1e-5 (or what is given) of |b|, or of 1 where |b| is smaller.</summary>
    public static void Equal(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double tolerance = 1e-5)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance * Math.Max(1, Math.Abs(expected[i])), $"element {i}: {actual[i]}, and {expected[i]} is expected");
    }

    /// <summary>scikit-learn's trees as plain arrays: rf.json, whose values are already divided by the number of trees, and gbr.json.</summary>
    public static TreeEnsemble Sklearn(string path)
    {
        using JsonDocument file = JsonDocument.Parse(File.ReadAllText(path));
        Tree[] trees = [.. file.RootElement.GetProperty("trees").EnumerateArray().Select(t => new Tree
        {
            Left = [.. Numbers(t, "left").Select(v => (int)v)],
            Right = [.. Numbers(t, "right").Select(v => (int)v)],
            Feature = [.. Numbers(t, "feature").Select(v => (int)v)],
            Threshold = Numbers(t, "threshold"),
            Cover = Numbers(t, "cover"),
            Values = [.. t.GetProperty("value").EnumerateArray().SelectMany(v => v.EnumerateArray().Select(x => x.GetDouble()))],
        })];
        return new TreeEnsemble(new EnsembleDescription
        {
            Trees = trees,
            Features = 8,
            Outputs = trees[0].Values.Length / trees[0].Left.Length,
            BaseScore = [file.RootElement.GetProperty("base").GetDouble()],
        });

        static double[] Numbers(JsonElement tree, string name) => [.. tree.GetProperty(name).EnumerateArray().Select(v => v.GetDouble())];
    }
}
