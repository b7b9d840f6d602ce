using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Onnx;
using Limn.Engine.Operators;
using OnnxOperator = Limn.Engine.Operators.TreeEnsemble;

namespace Limn.Trees;

/// <summary>Writes ensembles as ONNX: a TreeEnsembleRegressor (ai.onnx.ml 3) for the scores, then standard operators for base scores and transform.</summary>
/// <remarks>
/// Input <c>features</c> [rows, features]; outputs <c>prediction</c> and, if there is a transform, <c>margin</c>, both [rows, outputs]. Predictions are the same up
/// to single precision. Splits by categories become chains of comparisons for equality, as other converters write them: values of such a feature must be whole
/// numbers. Covers are written as hit rates, which Limn reads back.
/// </remarks>
public static class OnnxTreeWriter
{
    /// <summary>Writes a file.</summary>
    /// <exception cref="LimnException">ONNX has no such model (see <see cref="ToGraph"/>), or the file cannot be written.</exception>
    public static void Write(TreeEnsemble model, string path, OnnxWriteOptions? options = null) => OnnxWriter.Write(ToGraph(model), path, options);

    /// <summary>Writes to a stream, which stays open.</summary>
    /// <exception cref="LimnException">ONNX has no such model (see <see cref="ToGraph"/>).</exception>
    public static void Write(TreeEnsemble model, Stream stream, OnnxWriteOptions? options = null) => OnnxWriter.Write(ToGraph(model), stream, options);

    /// <summary>The ensemble as a graph.</summary>
    /// <exception cref="LimnException">Zero counts as missing and goes elsewhere than a number.</exception>
    public static Graph ToGraph(TreeEnsemble model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var g = new GraphBuilder("trees");
        Value x = g.Input("features", ElementType.Float, [Dim.Named("rows"), model.Features]);
        Value margin = g.Op(new OnnxOperator(Data(model)), x);
        if (model.BaseScore.ContainsAnyExcept(0)) margin = g.Add(margin, g.Constant(NdArray.Vector(Array.ConvertAll(model.BaseScore.ToArray(), b => (float)b))));
        Value scaled = g.Scale(margin, (float)model.Description.TransformScale);
        Value prediction = model.Transform switch
        {
            OutputTransform.Identity => scaled,
            OutputTransform.Logistic => g.Sigmoid(scaled),
            OutputTransform.Softmax => g.Softmax(scaled),
            OutputTransform.Exponential => g.Exp(scaled),
            OutputTransform.Softplus => g.Softplus(scaled),
            OutputTransform.Step => g.Cast(g.Greater(scaled, g.ScalarLike(scaled, 0)), ElementType.Float),
            OutputTransform.SignedSquare => g.Mul(scaled, g.Abs(scaled)),
            _ => throw new LimnException($"There is no output transform {model.Transform}."),
        };
        g.Output(prediction, "prediction");
        if (!ReferenceEquals(prediction, margin)) g.Output(margin, "margin");
        return g.Build();
    }

    private static TreeEnsembleData Data(TreeEnsemble model)
    {
        FlatTrees flat = model.Flat;
        var nodes = new List<TreeNode>(flat.Feature.Length);
        var weights = new List<(int, int, float)>();
        for (int n = 0; n < flat.Feature.Length; n++) nodes.Add(default); // chains come after
        for (int t = 0; t < flat.Trees; t++)
        {
            for (int n = flat.Roots[t]; n < flat.Roots[t + 1]; n++)
            {
                float cover = flat.Cover is null ? float.NaN : (float)flat.Cover[n];
                if (flat.Feature[n] != FlatTrees.Leaf)
                {
                    AddSplit(flat, n, t, nodes, cover);
                    continue;
                }
                nodes[n] = TreeNode.Leaf(cover);
                if (flat.Outputs[t] >= 0) weights.Add((n, flat.Outputs[t], (float)flat.Value[n]));
                else
                    for (int o = 0; o < model.Outputs; o++) weights.Add((n, o, (float)flat.Vectors[(int)flat.Value[n] + o]));
            }
        }
        return new TreeEnsembleData(nodes, [.. flat.Roots[..^1]], weights, model.Outputs, TreeAggregate.Sum);
    }

    private static void AddSplit(FlatTrees flat, int n, int tree, List<TreeNode> nodes, float cover)
    {
        int feature = flat.Feature[n], left = flat.Left[n], right = left + 1;
        bool nanLeft = flat.NanGoesLeft(n) ?? throw new LimnException($"Tree {tree} takes zero for missing and sends it elsewhere than a number, which ONNX cannot say.");
        if (flat.Set[n] < 0)
        {
            // No number is at most NaN, and none is below -∞.
            nodes[n] = float.IsNaN(flat.Threshold[n]) ? new TreeNode(feature, TreeBranch.Less, float.NegativeInfinity, nanLeft, left, right, cover)
                : new TreeNode(feature, TreeBranch.LessOrEqual, flat.Threshold[n], nanLeft, left, right, cover);
            return;
        }
        int[] members = flat.Members(n);
        if (members.Length == 0)
        {
            nodes[n] = new TreeNode(feature, TreeBranch.Less, float.NegativeInfinity, !nanLeft, right, left, cover);
            return;
        }
        int next = left; // no member
        for (int i = members.Length - 1; i > 0; i--)
        {
            nodes.Add(new TreeNode(feature, TreeBranch.Equal, members[i], MissingTrue: false, right, next, cover));
            next = nodes.Count - 1;
        }
        nodes[n] = new TreeNode(feature, TreeBranch.Equal, members[0], !nanLeft, right, next, cover);
    }
}
