using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Normalisations by given statistics (batch norm) and by a sample's own (layer, instance and group norm).</summary>
public static class NormalizationOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("BatchNormalization", ImportBatch, since: 7, notes: "In training mode the statistics are those of the batch, so that a row's result depends on the others."),
        OperatorDefinition.Of("LayerNormalization", ImportLayer), // ONNX Runtime wrote it before version 17, too
        OperatorDefinition.Of("InstanceNormalization", a => new InstanceNormalization { Epsilon = a.Float("epsilon", 1e-5f) }, since: 6),
        OperatorDefinition.Of("GroupNormalization", ImportGroup, since: 18),
    ];

    /// <summary>(x − mean) / √(variance + epsilon) · scale + bias, each of one number a channel.</summary>
    public static Value BatchNormalization(this GraphBuilder graph, Value x, Value scale, Value bias, Value mean, Value variance, float epsilon = 1e-5f) =>
        graph.Op(new BatchNormalization { Epsilon = epsilon }, x, scale, bias, mean, variance);

    /// <summary>Normalises over the axes from <paramref name="axis"/> to the last.</summary>
    public static Value LayerNormalization(this GraphBuilder graph, Value x, Value scale, Value? bias = null, long axis = -1, float epsilon = 1e-5f) =>
        graph.Op(new LayerNormalization { Axis = axis, Epsilon = epsilon }, bias is null ? [x, scale] : [x, scale, bias]);

    public static Value InstanceNormalization(this GraphBuilder graph, Value x, Value scale, Value bias, float epsilon = 1e-5f) =>
        graph.Op(new InstanceNormalization { Epsilon = epsilon }, x, scale, bias);

    public static Value GroupNormalization(this GraphBuilder graph, Value x, Value scale, Value bias, int groups, float epsilon = 1e-5f) =>
        graph.Op(new GroupNormalization(groups) { Epsilon = epsilon }, x, scale, bias);

    /// <summary>[N, C, ...] with vectors of one number a channel.</summary>
    internal static void CheckChannels(InferenceContext context, int vectors)
    {
        if (context.ShapeOf(0) is not { } x) return;
        if (x.Rank < 2) throw context.Error($"the input {x} is expected as [N, C, ...].");
        for (int i = 1; i <= vectors; i++)
            if (context.ShapeOf(i) is { } v && (v.Rank != 1 || (v[0].IsKnown && x[1].IsKnown && v[0] != x[1])))
                throw context.Error($"input {i} has the shape {v}, and one number for each of the {x[1]} channels is expected.");
    }

    /// <summary>Batch, channels, and positions of one channel.</summary>
    internal static (int Samples, int Channels, int Inner) Sizes(ReadOnlySpan<int> x) => (x[0], x[1], NdArray.Count(x[2..]));

    private static IReadOnlyList<Value> ImportBatch(OperatorImport import)
    {
        NodeAttributes attributes = import.Attributes;
        if (!attributes.Flag("spatial", true))
            throw import.Unsupported("BatchNormalization with spatial = 0 is not supported. Export the model with operator set 9 or later.");
        if (attributes.Flag("training_mode", false)) return ImportTraining(import);
        attributes.Ignore("momentum");
        var op = new BatchNormalization { Epsilon = attributes.Float("epsilon", 1e-5f) };
        Value y = import.Graph.Node(op, import.Inputs, name: import.Node, outputNames: [.. import.OutputNames.Take(1)])[0];
        // Before operator set 14 some exporters left the outputs of training in place: in evaluation they are the statistics that were given.
        return [y, .. import.OutputNames.Skip(1).Select((_, i) => import.Input(3 + i % 2))];
    }

    /// <summary>In training the statistics are those of the batch, and the running ones move towards them: written out, so that the gradient passes through them too.</summary>
    private static IReadOnlyList<Value> ImportTraining(OperatorImport import)
    {
        GraphBuilder graph = import.Graph;
        Value x = import.Input(0);
        float momentum = import.Attributes.Float("momentum", 0.9f), epsilon = import.Attributes.Float("epsilon", 1e-5f);
        if (x.Shape is not { Rank: >= 2 } shape) throw import.Unsupported($"BatchNormalization in training mode needs to know the rank of its input, and that of {x} is not known.");
        long[] axes = [0, .. Enumerable.Range(2, shape.Rank - 2).Select(a => (long)a)], spread = [.. axes.Select((_, i) => i == 0 ? 0L : i + 1L)];
        Value mean = graph.ReduceMean(x, axes, keepDims: true), centred = graph.Sub(x, mean), variance = graph.ReduceMean(graph.Mul(centred, centred), axes, keepDims: true);
        Value normal = graph.Div(centred, graph.Sqrt(graph.Add(variance, graph.ScalarLike(x, epsilon))));
        Value y = graph.Node(new Add(), [graph.Mul(normal, graph.Unsqueeze(import.Input(1), spread)), graph.Unsqueeze(import.Input(2), spread)], name: import.Node, outputNames: [.. import.OutputNames.Take(1)])[0];
        return [y, .. import.OutputNames.Skip(1).Take(2).Select((_, i) =>
            graph.Add(graph.Scale(import.Input(3 + i), momentum), graph.Scale(graph.Squeeze(i == 0 ? mean : variance, axes), 1 - momentum)))];
    }

    private static IReadOnlyList<Value> ImportLayer(OperatorImport import)
    {
        import.Attributes.Ignore("stash_type"); // statistics are always computed in double
        return import.Emit(new LayerNormalization { Axis = import.Attributes.Int("axis", -1), Epsilon = import.Attributes.Float("epsilon", 1e-5f) }, import.Inputs);
    }

    private static IReadOnlyList<Value> ImportGroup(OperatorImport import)
    {
        import.Attributes.Ignore("stash_type");
        long groups = import.Attributes.Int("num_groups", 0);
        if (groups is < 1 or > int.MaxValue) throw import.Unsupported($"num_groups is {groups}, and at least 1 is expected.");
        var op = new GroupNormalization((int)groups) { Epsilon = import.Attributes.Float("epsilon", 1e-5f) };
        if (import.Opset >= 21) return import.Emit(op, import.Inputs);
        GraphBuilder graph = import.Graph;
        Value channels = graph.Op(new ShapeOf { Start = 1, End = 2 }, import.Input(0));
        Value each = graph.Concat(0, graph.Integers(1), graph.Div(channels, graph.Integers(groups)));
        return import.Emit(op, import.Input(0), PerChannel(import.Input(1)), PerChannel(import.Input(2)));

        Value PerChannel(Value perGroup) => graph.Reshape(graph.Expand(graph.Unsqueeze(perGroup, 1), each), channels);
    }
}

/// <summary>Batch normalisation with given statistics: y = (x − mean[c]) / √(var[c] + ε) · scale[c] + bias[c].</summary>
/// <remarks>
/// X [N, C, ...] and four vectors [C]. ONNX 7, 9, 14 and 15; in training mode it is written out in arithmetic. Extra outputs of versions before 14 give the statistics back.
/// </remarks>
public sealed class BatchNormalization : Operator
{
    public float Epsilon { get; init; } = 1e-5f;

    public override string Name => "BatchNormalization";

    public override int OpsetVersion => 15;

    public override IEnumerable<OperatorAttribute> Attributes => [new("epsilon", Epsilon)];

    public override bool MayOverwrite(int input) => input == 0;

    public override void Infer(InferenceContext context)
    {
        NormalizationOperators.CheckChannels(context, 4);
        context.SameAs(0);
    }

    public override void Execute(KernelContext context)
    {
        var (samples, channels, inner) = NormalizationOperators.Sizes(context.Dims(0));
        var a = new double[channels];
        var b = new double[channels];
        Normalization.BatchNormFactors(context.Floats(1), context.Floats(2), context.Floats(3), context.Floats(4), Epsilon, a, b);
        Normalization.ScaleShift(context.Floats(0), a, b, context.OutputFloats(), samples, channels, inner, context.Workers);
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Inputs(0), scale = backward.Inputs(1), mean = backward.Inputs(3), variance = backward.Inputs(4), dy = backward.Upstream;
        Value inverse = graph.Reciprocal(graph.Sqrt(graph.Add(variance, graph.ScalarLike(variance, Epsilon))));
        Value factor = graph.Mul(scale, inverse);
        var sent = new Value?[5];
        if (backward.Needs(0)) sent[0] = graph.Mul(dy, graph.PerChannel(factor, x.Rank));
        if (backward.Needs(2) || backward.Needs(3))
        {
            Value sum = graph.SumOfChannels(dy);
            if (backward.Needs(2)) sent[2] = sum;
            if (backward.Needs(3)) sent[3] = graph.Neg(graph.Mul(sum, factor));
        }
        if (backward.Needs(1) || backward.Needs(4))
        {
            Value moment = graph.Mul(graph.SumOfChannels(graph.Mul(dy, graph.Sub(x, graph.PerChannel(mean, x.Rank)))), inverse);
            if (backward.Needs(1)) sent[1] = moment;
            if (backward.Needs(4)) sent[4] = graph.Scale(graph.Mul(graph.Mul(moment, factor), inverse), -0.5f);
        }
        return sent;
    }
}

/// <summary>Layer normalisation: y = (x − μ) · d · scale + bias with d = 1/√(σ² + ε), where mean μ and (biased) variance σ² are over the axes from <see cref="Axis"/> on.</summary>
/// <remarks>
/// Outputs Y, and if wanted μ and d with the normalised axes of length one. Scale and bias broadcast to the normalised axes. ONNX 17; stash_type has no
/// effect, as the statistics are computed in double.
/// </remarks>
public sealed class LayerNormalization : Operator
{
    public long Axis { get; init; } = -1;

    public float Epsilon { get; init; } = 1e-5f;

    public override string Name => "LayerNormalization";

    public override int OpsetVersion => 17;

    public override IEnumerable<OperatorAttribute> Attributes => [new("axis", Axis), new("epsilon", Epsilon)];

    public override bool MayOverwrite(int input) => input == 0;

    public override void Infer(InferenceContext context)
    {
        context.SameAs(0);
        Shape? statistics = null;
        if (context.ShapeOf(0) is { } x)
        {
            int axis = Shape.Axis(Axis, x.Rank);
            statistics = Shape.Of([.. x.Select((d, i) => i < axis ? d : 1)]);
            for (int i = 1; i <= 2; i++)
            {
                if (!context.Has(i) || context.ShapeOf(i) is not { } vector) continue;
                Shape row = Shape.Of([.. x.Skip(axis)]), joint = Shape.Broadcast(row, vector);
                bool fits = joint.Rank == row.Rank;
                for (int j = 0; fits && j < row.Rank; j++) fits = !row[j].IsKnown || joint[j] == row[j];
                if (!fits) throw context.Error($"input {i} of shape {vector} does not broadcast to the normalised axes {row}.");
            }
        }
        context.Output(1, context.TypeOf(0), statistics);
        context.Output(2, context.TypeOf(0), statistics);
    }

    public override void Execute(KernelContext context)
    {
        ReadOnlySpan<int> x = context.Dims(0);
        int axis = Shape.Axis(Axis, x.Length), rows = NdArray.Count(x[..axis]), length = NdArray.Count(x[axis..]);
        ReadOnlySpan<float> scale = Broadcasted(context, 1, x[axis..]), bias = context.Has(2) ? Broadcasted(context, 2, x[axis..]) : [];
        Span<float> y = context.Wants(0) ? context.OutputFloats() : new float[context.Input(0).Length];
        Normalization.LayerNorm(context.Floats(0), scale, bias, Epsilon, y,
            context.Wants(1) ? context.OutputFloats(1) : [], context.Wants(2) ? context.OutputFloats(2) : [], rows, length, context.Workers);
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value x = backward.Inputs(0), scale = backward.Inputs(1);
        // Merged with the forward node when the graph is compiled.
        IReadOnlyList<Value> forward = graph.Node(this, backward.Node.Inputs, outputCount: 3);
        Value mean = forward[1], inverse = forward[2], normalised = graph.Mul(graph.Sub(x, mean), inverse);
        Value?[] sent = new Value?[backward.Node.Inputs.Count];
        if (backward.Arrives(0))
        {
            Value dy = backward.Upstream;
            if (backward.Needs(0)) sent[0] = NormalizationGradient.Rows(graph, graph.Mul(dy, scale), normalised, inverse, Shape.Axis(Axis, x.Rank));
            if (backward.Needs(1)) sent[1] = graph.SumTo(graph.Mul(dy, normalised), scale);
            if (backward.Has(2) && backward.Needs(2)) sent[2] = graph.SumTo(dy, backward.Inputs(2));
        }
        if (!backward.Needs(0)) return sent;
        Value share = graph.Share(mean, x);
        if (backward.Arrives(1)) Send(graph.ExpandLike(graph.Mul(backward.UpstreamOf(1), share), x));
        if (backward.Arrives(2)) // ∂d/∂x = −d²·n / count
            Send(graph.Neg(graph.Mul(normalised, graph.Mul(graph.Mul(backward.UpstreamOf(2), share), graph.Mul(inverse, inverse)))));
        return sent;

        void Send(Value part) => sent[0] = sent[0] is { } before ? graph.Add(before, part) : part;
    }

    private static ReadOnlySpan<float> Broadcasted(KernelContext context, int input, ReadOnlySpan<int> row)
    {
        if (context.Input(input).Length == NdArray.Count(row)) return context.Floats(input);
        var full = new float[NdArray.Count(row)];
        Broadcast.Expand(context.Floats(input), context.Dims(input), full, row, context.Workers);
        return full;
    }
}

/// <summary>Each channel of each sample by its own mean and (biased) variance: y = (x − μ) / √(σ² + ε) · scale[c] + bias[c]. ONNX 6 and 22.</summary>
public sealed class InstanceNormalization : Operator
{
    public float Epsilon { get; init; } = 1e-5f;

    public override string Name => "InstanceNormalization";

    public override int OpsetVersion => 6;

    public override IEnumerable<OperatorAttribute> Attributes => [new("epsilon", Epsilon)];

    public override bool MayOverwrite(int input) => input == 0;

    public override void Infer(InferenceContext context)
    {
        NormalizationOperators.CheckChannels(context, 2);
        context.SameAs(0);
    }

    public override void Execute(KernelContext context)
    {
        var (samples, channels, inner) = NormalizationOperators.Sizes(context.Dims(0));
        Normalization.InstanceNorm(context.Floats(0), context.Floats(1), context.Floats(2), Epsilon, context.OutputFloats(), samples, channels, inner, context.Workers);
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        return NormalizationGradient.OfGroups(backward, graph.Op(new ShapeOf { Start = 1, End = 2 }, backward.Input), graph.Positions(backward.Input), Epsilon);
    }
}

/// <summary>Each group of neighbouring channels of each sample by its own mean and (biased) variance, then one scale and bias a channel.</summary>
/// <remarks>The meaning of ONNX 21; version 18, in which scale and bias are one number a group, is rewritten to it.</remarks>
public sealed class GroupNormalization(int groups) : Operator
{
    public int Groups { get; } = groups;

    public float Epsilon { get; init; } = 1e-5f;

    public override string Name => "GroupNormalization";

    public override int OpsetVersion => 21;

    public override IEnumerable<OperatorAttribute> Attributes => [new("num_groups", (long)Groups), new("epsilon", Epsilon)];

    public override bool MayOverwrite(int input) => input == 0;

    public override void Infer(InferenceContext context)
    {
        NormalizationOperators.CheckChannels(context, 2);
        if (context.ShapeOf(0) is { } x && x[1].IsKnown && x[1].Value % Groups != 0) throw context.Error($"the {x[1]} channels of {x} do not divide into {Groups} groups.");
        context.SameAs(0);
    }

    public override void Execute(KernelContext context)
    {
        var (samples, channels, inner) = NormalizationOperators.Sizes(context.Dims(0));
        Normalization.GroupNorm(context.Floats(0), context.Floats(1), context.Floats(2), Epsilon, context.OutputFloats(), samples, channels, inner, Groups, context.Workers);
    }

    public override Value?[] Gradient(Backward backward)
    {
        GraphBuilder graph = backward.Graph;
        Value count = graph.Integers(Groups), channels = graph.Op(new ShapeOf { Start = 1, End = 2 }, backward.Input);
        return NormalizationGradient.OfGroups(backward, count, graph.Mul(graph.Div(channels, count), graph.Positions(backward.Input)), Epsilon);
    }
}
