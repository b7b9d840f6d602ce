using System.Globalization;
using System.Numerics.Tensors;
using Limn.Compilation;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Engine;
using Limn.Models;

namespace Limn.ClassActivation;

/// <summary>FullGrad: the gradient times the input, together with the gradient times every bias of the network, as one map.</summary>
/// <remarks>
/// A network of ReLU layers is y = x·∂y/∂x + Σ_b b·∂y/∂b exactly; a remark says how much is missing where a network has other non-linear parts.
/// map = Σ_c ψ(x·∂y/∂x) + Σ_layers Σ_c ψ(b·∂y/∂z), z the layer's value with the bias b added at each position (for a batch norm the constant that it adds in
/// all), ψ the absolute value, scaled to [0, 1] over each row of a layer and brought bilinearly to the input's size. Layers without positions take part
/// in the sum, not in the map, as in the paper. The result has the shape [rows, 1, ...] with the input's size.
/// With a layer as the place, the layer stands for the input. Srinivas, Fleuret: Full-Gradient Representation, NeurIPS 2019, eq. 3 and 7.
/// </remarks>
[Method("full-grad", "FullGrad", "The gradient times the input and times every bias of the network, as one map.", Source = "Srinivas, Fleuret 2019, eq. 3 and 7",
    Formula = "map = Σ_c ψ(x · ∂F/∂x) + Σ_layers Σ_c ψ(b · ∂F/∂z), ψ the absolute value, scaled to [0, 1]",
    Cost = "2 × forward + backward",
    NotApplicable = Axioms.All, NotApplicableBecause = "Each layer's part of the map has a scale of its own, and the biases' parts belong to no input.")]
public sealed class FullGrad(OnnxModel model) : GradientMethod(model)
{
    private const double Noteworthy = 0.01;

    protected internal override MethodResult Compute(Question question)
    {
        ArgumentNullException.ThrowIfNull(question);
        CheckOnePlace(question);
        var (products, prediction) = Products(question);
        List<string> remarks = Completeness(products, prediction); // before the signs are lost
        MapLayout layout = LayoutOf(question, question.Places[0], products[0].Product, question.Inputs);
        int positions = NdArray.Count(layout.Spatial);
        var map = new double[question.Rows * positions];
        foreach (var (at, product) in products)
        {
            MapLayout? own = at == question.Places[0] ? layout : product.Rank == layout.Spatial.Length + 2 ? LayoutOf(question, at, product, question.Inputs) : null;
            if (own is not null) Add(map, FeatureMaps.Of(product, own), layout.Spatial);
        }
        return new MethodResult([new NdArray(Array.ConvertAll(map, v => (float)v), [question.Rows, 1, .. layout.Spatial])], prediction) { Remarks = remarks };
    }

    /// <summary>x·∂y/∂x, then b·∂y/∂z for every bias, and the scores.</summary>
    private static (IReadOnlyList<(Value At, NdArray Product)> Products, double[] Scores) Products(Question question)
    {
        IReadOnlyList<BiasTerm> biases = BiasTerm.Between(question.Network, question.Source!, question.Places[0]);
        NdArray x = question.PlaceValues()[0];
        var (scores, gradients) = question.At([question.Places[0], .. biases.Select(b => b.At)]).Gradient();
        TensorPrimitives.Multiply(gradients[0].Floats, x.Floats, gradients[0].Floats);
        return ([(question.Places[0], gradients[0]), .. biases.Select((b, i) => (b.At, b.Times(gradients[i + 1])))], scores);
    }

    private static MapLayout LayoutOf(IAsked question, Value value, NdArray array, IReadOnlyList<NdArray> inputs)
    {
        if (!question.Network.Graph.Inputs.Contains(value)) return MapLayout.Of(question.Source!.Graph, value, array, inputs);
        if (array.Rank < 3)
            throw new InvalidTargetException($"The input '{value.Name}' has the shape {NdArray.Describe(array.Dims)}: no positions, so there is no map of it. Use integrated-gradients.");
        return new MapLayout(InputChannels.Axis(question.Network.Graph, value), InputChannels.Spatial(question.Network.Graph, value, array.Dims), 0);
    }

    /// <summary>Adds Σ_c ψ(product), which takes the product's signs.</summary>
    private static void Add(double[] map, FeatureMaps product, int[] size)
    {
        int positions = NdArray.Count(size), inner = product.Channels * product.Positions;
        for (int r = 0; r < product.Rows; r++)
        {
            Span<float> row = product.Values.Floats.Slice(r * inner, inner);
            TensorPrimitives.Abs(row, row);
            float low = TensorPrimitives.Min<float>(row), range = TensorPrimitives.Max<float>(row) - low;
            if (range == 0) continue;
            var sum = new float[product.Positions];
            for (int c = 0; c < product.Channels; c++) TensorPrimitives.Add(sum, product.Channel(r, c), sum);
            for (int p = 0; p < sum.Length; p++) sum[p] = (sum[p] - product.Channels * low) / range;
            float[] resized = Upsampling.Resize(sum, product.Layout.Spatial, size, MapInterpolation.Bilinear); // linear, so the order of sum and resizing is free
            for (int p = 0; p < positions; p++) map[r * positions + p] += resized[p];
        }
    }

    private static List<string> Completeness(IReadOnlyList<(Value At, NdArray Product)> products, double[] prediction)
    {
        List<string> remarks = [];
        for (int r = 0; r < prediction.Length; r++)
        {
            double total = 0;
            foreach (var (_, product) in products) total += FeatureMaps.Sum(product.Floats.Slice(r * (product.Length / prediction.Length), product.Length / prediction.Length));
            if (Math.Abs(total - prediction[r]) > Noteworthy * Math.Max(1e-6, Math.Abs(prediction[r])))
                remarks.Add(string.Create(CultureInfo.InvariantCulture,
                    $"Row {r}: input and biases account for {total:G4} of the score {prediction[r]:G4}. FullGrad is exact for networks of linear and ReLU layers; this one has other parts (a probability, or smooth activations)."));
        }
        return remarks;
    }

    internal override GraphResult InGraph(ExplanationGraph question)
    {
        CheckOnePlace(question);
        GraphBuilder graph = question.Graph;
        IReadOnlyList<BiasTerm> biases = BiasTerm.Between(question.Network, question.Source, question.Places[0]);
        var (scores, gradients) = question.At([question.Places[0], .. biases.Select(b => b.At)]).Gradient();
        MapLayout layout = LayoutOf(question, question.Places[0], question.Blank(question.Places[0]), question.BlankInputs());
        List<Value> maps = [Map(question.PlaceValues()[0], gradients[0], layout)];
        for (int b = 0; b < biases.Count; b++)
            if (gradients[b + 1].Rank == layout.Spatial.Length + 2)
                maps.Add(Map(graph.Constant(biases[b].Bias), gradients[b + 1], LayoutOf(question, biases[b].At, question.Blank(biases[b].At), question.BlankInputs())));
        return new GraphResult([graph.Unsqueeze(maps.Count == 1 ? maps[0] : graph.Sum([.. maps]), 1)], scores);

        // Σ_c ψ(factor · gradient): sizes, brought to 0 ... 1 for each row, resized and summed.
        Value Map(Value factor, Value gradient, MapLayout own)
        {
            Value sizes = own.ToMaps(graph, graph.Abs(graph.Mul(gradient, factor)));
            Value low = graph.ReduceMin(sizes, [1, 2]), range = graph.Sub(graph.ReduceMax(sizes, [1, 2]), low);
            Value map = graph.ReduceSum(graph.Share(graph.Sub(sizes, low), range), [1], keepDims: false);
            Value shaped = graph.Assume(graph.Reshape(map, [-1, .. own.Spatial.Select(d => (long)d)]), [map.Shape![0], .. own.Spatial.Select(d => (Dim)d)]);
            return Upsampling.Resize(graph, shaped, 1, layout.Spatial, MapInterpolation.Bilinear);
        }
    }

    private static void CheckOnePlace(IAsked question)
    {
        if (question.Places.Count != 1)
            throw new InvalidTargetException($"FullGrad makes one map, and the model has {question.Places.Count} inputs. Name the layer where they come together (--at).");
    }
}
