using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>Score-CAM: channels weighted by the score of the input seen through them.</summary>
/// <remarks>
/// H_c is A_c brought to the input's size and scaled to [0, 1]; w = softmax over channels of y(b + (x − b)·H_c), with b the baseline; map = ReLU(Σ_c w_c A_c).
/// Channels that are the same at all positions have no H and are left out. One forward pass for each channel; no gradient.
/// Wang et al.: Score-CAM, CVPRW 2020, eq. 4 to 7. The paper subtracts y(b) from each score, which the softmax cancels. On probabilities the
/// weights are nearly equal; a logit as the target (--output-scale logit) tells channels apart.
/// </remarks>
[Method("score-cam", "Score-CAM", "A layer's channels, weighted by the score of the input seen through them.", Source = "Wang et al. 2020, eq. 4 to 7",
    Formula = "map = ReLU(Σ_c w_c A_c), w = softmax over channels of F(b + (x − b) · H_c), H_c = A_c at the input's size, scaled to [0, 1]",
    Cost = "(2 + channels) × forward",
    NotApplicable = Axioms.All, NotApplicableBecause = MapOfLayer.NoAxioms)]
public sealed class ScoreCam(OnnxModel model) : ClassActivationMethod(model)
{
    /// <summary>What the masked parts of the input fade to (default zero).</summary>
    public Baseline Baseline { get; init; } = Baseline.Zero;

    internal override bool TakesGradients => false;

    private protected override double[] Map(FeatureLayer layer)
    {
        Question question = layer.Question.WithInputs(layer.Question.Inputs); // computes from the inputs, not from the layer
        FeatureMaps a = layer.Activations;
        IReadOnlyList<MapInput> places = MapInput.Of(question, layer.Layout);
        IReadOnlyList<IReadOnlyList<NdArray>> baselines = [.. question.Resolve(Baseline)];
        if (baselines.Count != 1) throw new InvalidOptionException($"Score-CAM takes a single baseline, and {baselines.Count} were given.");
        var scores = new double[a.Rows * a.Channels];
        Array.Fill(scores, double.NegativeInfinity);
        int[] varying = [.. Enumerable.Range(0, scores.Length).Where(i => Range(a.Channel(i / a.Channels, i % a.Channels)) > 0)];
        int portion = question.PredictionPortion();
        for (int from = 0; from < varying.Length; from += portion)
        {
            question.ThrowIfCancelled();
            int[] chosen = varying[from..Math.Min(from + portion, varying.Length)], rows = Array.ConvertAll(chosen, i => i / a.Channels);
            Question part = question.Select(rows);
            for (int i = 0; i < chosen.Length; i++)
                foreach (MapInput place in places)
                    Mask(part.Inputs[place.Index].Rows(i, 1).Floats, baselines[0][place.Index].Rows(rows[i], 1).Floats, place,
                        Normalized(Upsampling.Resize(a.Channel(rows[i], chosen[i] % a.Channels), layer.Layout.Spatial, place.Spatial, MapInterpolation.Bilinear)));
            double[] got = part.Scores();
            for (int i = 0; i < chosen.Length; i++) scores[chosen[i]] = got[i];
            question.Report(from + chosen.Length, varying.Length);
        }
        for (int r = 0; r < a.Rows; r++) Softmax(scores.AsSpan(r * a.Channels, a.Channels));
        return a.Weighted((r, c) => scores[r * a.Channels + c]);
    }

    /// <summary>x ← b + (x − b) · H.</summary>
    private static void Mask(Span<float> x, ReadOnlySpan<float> b, MapInput place, float[] map)
    {
        for (int i = 0; i < x.Length; i++) x[i] -= b[i];
        place.Multiply(x, map);
        for (int i = 0; i < x.Length; i++) x[i] += b[i];
    }

    private static float[] Normalized(float[] map)
    {
        float low = map.Min(), range = map.Max() - low;
        for (int i = 0; i < map.Length; i++) map[i] = range > 0 ? (map[i] - low) / range : 0;
        return map;
    }

    private static float Range(ReadOnlySpan<float> map) => System.Numerics.Tensors.TensorPrimitives.Max(map) - System.Numerics.Tensors.TensorPrimitives.Min(map);

    /// <summary>Channels that were left out have the score −∞ and get the weight 0; where all were, all weights are 0.</summary>
    private static void Softmax(Span<double> scores)
    {
        double largest = double.NegativeInfinity, total = 0;
        foreach (double s in scores) largest = Math.Max(largest, s);
        if (double.IsNegativeInfinity(largest))
        {
            scores.Clear();
            return;
        }
        foreach (ref double s in scores) total += s = Math.Exp(s - largest);
        foreach (ref double s in scores) s /= total;
    }

    private protected override Value Map(FeatureGraph layer)
    {
        GraphBuilder graph = layer.Graph;
        ExplanationGraph question = layer.Question;
        int channels = layer.Channels;
        IReadOnlyList<MapInput> places = MapInput.Of(question, question.BlankInputs(), layer.Layout);
        IReadOnlyList<Value>[] baselines = [.. question.Resolve(Baseline)];
        if (baselines.Length != 1) throw new InvalidOptionException($"Score-CAM takes a single baseline, and {baselines.Length} were given.");
        Value maps = graph.Assume(graph.Reshape(layer.Activations, [-1, channels, .. layer.Layout.Spatial.Select(d => (long)d)]), [layer.Raw.Shape![0], channels, .. layer.Layout.Spatial.Select(d => (Dim)d)]);
        Value scores = Points.Each(question, channels, points =>
        {
            Value[] seen = [.. question.Inputs];
            for (int i = 0; i < seen.Length; i++)
            {
                if (places.FirstOrDefault(p => p.Index == i) is not { } place)
                {
                    seen[i] = points.Repeat(seen[i]);
                    continue;
                }
                Value resized = Upsampling.Resize(graph, points.Of(maps), 2, place.Spatial, MapInterpolation.Bilinear);
                long[] positions = GraphMath.Axes(2, resized.Rank);
                Value low = graph.ReduceMin(resized, positions), range = graph.Sub(graph.ReduceMax(resized, positions), low);
                Value mask = graph.Unsqueeze(graph.Share(graph.Sub(resized, low), range), place.ChannelAxis + 1);
                Value b = graph.Unsqueeze(baselines[0][i], 1);
                seen[i] = points.Rows(graph.Add(b, graph.Mul(graph.Sub(graph.Unsqueeze(seen[i], 1), b), mask)));
            }
            return [points.Question.WithInputs(seen).Scores()];
        })[0];
        // Channels that are the same everywhere are left out; where all are, all weights are 0.
        Value varying = graph.Squeeze(graph.Greater(graph.ReduceMax(layer.Activations, [2]), graph.ReduceMin(layer.Activations, [2])), 2);
        Value counted = graph.Where(varying, scores, graph.ScalarLike(scores, float.MinValue));
        Value power = graph.WhereOrZero(varying, graph.Exp(graph.Sub(counted, graph.ReduceMax(counted, [1]))));
        return layer.Weighted(graph.Unsqueeze(graph.Share(power, graph.ReduceSum(power, [1])), 2));
    }
}
