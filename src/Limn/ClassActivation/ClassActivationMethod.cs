using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>A method that explains a score by a map over the positions of a layer: the layer's channels, weighted and summed.</summary>
/// <remarks>
/// The result has the shape [rows, 1, ...] with the layer's own size: height and width, or length, or depth, height and width. The layer is the
/// one asked for, or the last one with maps that the target depends on. Nothing is rescaled: values of two rows can be compared.
/// </remarks>
public abstract class ClassActivationMethod : GradientMethod
{
    private protected ClassActivationMethod(OnnxModel model, bool relu = true) : base(model) => Relu = relu;

    /// <summary>Whether negative values of the map, positions that speak against the target, become zero.</summary>
    [Option("relu", "Whether negative values of the map, which speak against the target, become zero.")]
    public bool Relu { get; init; }

    internal override bool TakesOneGradient => TakesGradients;

    internal override Value? DefaultLayer(TargetSource source) => LastFeatureMap.Before(source);

    protected internal override MethodResult Compute(Question question)
    {
        ArgumentNullException.ThrowIfNull(question);
        var layer = new FeatureLayer(question);
        double[] map = Map(layer);
        FeatureMaps a = layer.Activations;
        List<string> remarks = [];
        if (Relu) Rectify(map, a.Rows, remarks);
        var values = new NdArray(Array.ConvertAll(map, v => (float)v), [a.Rows, MapsOf(a), .. layer.Layout.Spatial]);
        return new MethodResult([values], layer.Scores) { Remarks = remarks };
    }

    /// <summary>How many maps a row has.</summary>
    private protected virtual int MapsOf(FeatureMaps activations) => 1;

    /// <summary>The map of each row before the ReLU: [rows · positions], or as many of them as a row has.</summary>
    private protected abstract double[] Map(FeatureLayer layer);

    internal override GraphResult InGraph(ExplanationGraph question)
    {
        var layer = new FeatureGraph(question);
        Value map = layer.Shaped(Map(layer));
        return new GraphResult([Relu ? question.Graph.Relu(map) : map], layer.Scores);
    }

    /// <summary>The map of each row before the ReLU, [rows, positions], or one for each channel, [rows, channels, positions].</summary>
    private protected abstract Value Map(FeatureGraph layer);

    private static void Rectify(double[] map, int rows, List<string> remarks)
    {
        int positions = map.Length / Math.Max(1, rows);
        List<int> dead = [];
        for (int r = 0; r < rows; r++)
        {
            Span<double> row = map.AsSpan(r * positions, positions);
            bool negative = false, positive = false;
            foreach (ref double v in row)
            {
                negative |= v < 0;
                positive |= !(v <= 0);
                v = Math.Max(v, 0);
            }
            if (negative && !positive) dead.Add(r);
        }
        if (dead.Count > 0)
            remarks.Add($"The ReLU removed the whole map of {(dead.Count == 1 ? "row" : "rows")} {string.Join(", ", dead.Take(8))}{(dead.Count > 8 ? ", ..." : "")}: "
                + "every position of this layer speaks against the target. Look at the map with --set relu=false, or explain another layer or class.");
    }
}
