using System.Text.Json;
using Limn.Cli.Inputs;
using Limn.Trees;

namespace Limn.Cli.Outputs;

/// <summary>What an ensemble of trees says of itself.</summary>
internal static class TreeInspection
{
    private const int MostNames = 40;

    public static string FormatOf(TreeFormat format) => format switch
    {
        TreeFormat.XgboostJson => "XGBoost JSON",
        TreeFormat.XgboostUbjson => "XGBoost UBJSON",
        TreeFormat.LightGbm => "LightGBM text",
        TreeFormat.CatBoost => "CatBoost JSON",
        _ => "ONNX",
    };

    public static void Print(CommandContext context, string name, TreeEnsemble trees, TreeFormat format)
    {
        (int depth, long leaves) = Size(trees);
        context.Out.WriteLine($"{name}: trees, {FormatOf(format)}");
        context.Out.WriteLine($"{Numbers.Count(trees.Trees.Count)} trees of depth up to {depth}, {Numbers.Count(leaves)} leaves");
        context.Out.WriteLine($"input  rows: Float [rows, {trees.Features}]");
        context.Out.WriteLine($"output prediction: Float [rows, {trees.Outputs}], {trees.Transform} of the margin");
        context.Out.WriteLine($"objective {trees.Objective ?? "(the file does not say)"}, base score {string.Join(", ", trees.BaseScore.ToArray().Take(8).Select(Numbers.Text))}{(trees.Outputs > 8 ? ", ..." : "")}");
        context.Out.WriteLine(trees.HasCover ? "cover: yes, path-dependent values need no data" : "cover: no, so that tree-shap needs background rows (--background FILE)");
        if (trees.FeatureNames.Count > 0) context.Out.WriteLine($"features: {string.Join(", ", trees.FeatureNames.Take(MostNames))}{(trees.Features > MostNames ? $", and {trees.Features - MostNames} more" : "")}");
    }

    public static void Write(Utf8JsonWriter json, TreeEnsemble trees, TreeFormat format)
    {
        (int depth, long leaves) = Size(trees);
        json.WriteString("format", FormatOf(format));
        json.WriteNumber("trees", trees.Trees.Count);
        json.WriteNumber("depth", depth);
        json.WriteNumber("leaves", leaves);
        json.WriteNumber("features", trees.Features);
        json.Strings("featureNames", trees.FeatureNames);
        json.WriteNumber("outputs", trees.Outputs);
        json.WriteString("objective", trees.Objective);
        json.WriteString("transform", trees.Transform.ToString());
        json.List("baseScore", trees.BaseScore.ToArray(), json.WriteNumberValue);
        json.WriteBoolean("cover", trees.HasCover);
    }

    public static byte[] Json(string name, TreeEnsemble trees, TreeFormat format) => JsonText.Object(json =>
    {
        json.WriteString("file", name);
        Write(json, trees, format);
    });

    /// <summary>The depth of the deepest leaf below a root of depth 0, and the number of leaves.</summary>
    private static (int Depth, long Leaves) Size(TreeEnsemble trees)
    {
        int deepest = 0;
        long leaves = 0;
        var open = new Stack<(int Node, int Depth)>();
        foreach (Tree tree in trees.Trees)
        {
            open.Push((0, 0));
            while (open.TryPop(out var at))
            {
                if (tree.Left[at.Node] < 0)
                {
                    leaves++;
                    deepest = Math.Max(deepest, at.Depth);
                    continue;
                }
                open.Push((tree.Left[at.Node], at.Depth + 1));
                open.Push((tree.Right[at.Node], at.Depth + 1));
            }
        }
        return (deepest, leaves);
    }
}
