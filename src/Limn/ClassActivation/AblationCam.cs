using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>Ablation-CAM: channels weighted by what the score loses without them.</summary>
/// <remarks>
/// w_c = (y − y without channel c) / |y|, the channel set to zero; map = ReLU(Σ_c w_c A_c). One run from the layer on for each channel; no gradient.
/// Desai, Ramaswamy: Ablation-CAM, WACV 2020, eq. 4. The paper divides by y, which turns the map around for a negative score, hence |y|; at y = 0 the
/// weights are the differences themselves. pytorch-grad-cam sets channels of negative values to −10⁷ below their minimum; here it is zero, as in the paper.
/// </remarks>
[Method("ablation-cam", "Ablation-CAM", "A layer's channels, weighted by what the score loses without them.", Source = "Desai, Ramaswamy 2020, eq. 4",
    Formula = "map = ReLU(Σ_c w_c A_c), w_c = (F − F without channel c) / |F|",
    Cost = "(2 + channels) × forward",
    NotApplicable = Axioms.All, NotApplicableBecause = MapOfLayer.NoAxioms)]
public sealed class AblationCam(OnnxModel model) : ClassActivationMethod(model)
{
    internal override bool TakesGradients => false;

    private protected override double[] Map(FeatureLayer layer)
    {
        Question question = layer.Question;
        FeatureMaps a = layer.Activations;
        double[] whole = layer.Scores;
        int total = a.Rows * a.Channels, portion = question.PredictionPortion();
        var weights = new double[total];
        for (int from = 0; from < total; from += portion)
        {
            question.ThrowIfCancelled();
            int size = Math.Min(portion, total - from);
            int[] rows = [.. Enumerable.Range(from, size).Select(i => i / a.Channels)];
            NdArray without = Batches.Select(layer.Raw, rows);
            for (int i = 0; i < size; i++) layer.Layout.Fill(without, i, (from + i) % a.Channels, 0);
            double[] scores = question.Select(rows).WithPlaces([without]).Scores();
            for (int i = 0; i < size; i++)
            {
                double y = whole[rows[i]];
                weights[from + i] = (y - scores[i]) / (y == 0 ? 1 : Math.Abs(y));
            }
            question.Report(from + size, total);
        }
        return a.Weighted((r, c) => weights[r * a.Channels + c]);
    }

    private protected override Value Map(FeatureGraph layer)
    {
        GraphBuilder graph = layer.Graph;
        int channels = layer.Channels, rank = layer.Raw.Rank + 1, along = layer.Layout.ChannelAxis + 1;
        Value Counting(int axis, int count) => graph.Constant(new NdArray([.. Enumerable.Range(0, count).Select(i => (long)i)], [.. Enumerable.Range(0, rank).Select(d => d == axis ? count : 1)]));
        Value scores = Points.Each(layer.Question, channels, points =>
        {
            Value gone = graph.Equal(points.Of(Counting(1, channels)), Counting(along, channels));
            // Leading tokens stay; where there are any, channels come last and tokens before them.
            if (layer.Layout.Leading > 0) gone = graph.And(gone, graph.GreaterOrEqual(Counting(2, layer.Layout.Leading + layer.Positions), graph.Constant(NdArray.Scalar((long)layer.Layout.Leading))));
            Value without = graph.Where(gone, graph.ScalarLike(layer.Raw, 0), graph.Unsqueeze(layer.Raw, 1));
            return [points.Question.WithPlaces([points.Rows(without)]).Scores()];
        })[0];
        Value whole = graph.Unsqueeze(layer.Scores, 1), size = graph.Abs(whole);
        Value lost = graph.Div(graph.Sub(whole, scores), graph.Where(graph.Equal(size, graph.ScalarLike(size, 0)), graph.ScalarLike(size, 1), size));
        return layer.Weighted(graph.Unsqueeze(lost, 2));
    }
}
