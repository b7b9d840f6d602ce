using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary><c>Resize</c> and its ancestor <c>Upsample</c>.</summary>
public static class ResizeOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("Resize", ImportResize, since: 10),
        OperatorDefinition.Of("Upsample", ImportUpsample, since: 7),
    ];

    /// <summary><paramref name="x"/> with each axis made longer or shorter by a factor.</summary>
    public static Value Resize(this GraphBuilder graph, Value x, float[] scales, ResizeGeometry geometry) =>
        graph.Op(new Resize { Geometry = geometry }, x, null, graph.Constant(NdArray.Vector(scales)));

    private static IReadOnlyList<Value> ImportResize(OperatorImport import)
    {
        if (import.Opset < 11) return ImportOld(import, import.Input(1), downwards: true);
        ResizeGeometry geometry = Geometry(import);
        long[]? axes = import.Attributes.Ints("axes");
        Value x = import.Input(0);
        string policy = import.Attributes.String("keep_aspect_ratio_policy", "stretch");
        bool scaled = Given(import, 2), sized = Given(import, 3);
        if (scaled == sized) throw new InvalidModelException("either scales or sizes must be given.");
        Value? region = geometry.Coordinates == ResizeCoordinates.TfCropAndResize ? import.Input(1) : null;
        Value? sizes = !sized ? null : policy switch
        {
            "stretch" => import.Input(3),
            "not_larger" or "not_smaller" => InProportion(import, x, import.Input(3), axes, larger: policy == "not_smaller"),
            _ => throw import.Unsupported($"keep_aspect_ratio_policy '{policy}' is not known; stretch, not_larger and not_smaller are."),
        };
        return import.Emit(new Resize { Geometry = geometry, Axes = axes }, [x, region, scaled ? import.Input(2) : null, .. sizes is null ? (Value?[])[] : [sizes]]);
    }

    /// <summary>An input that is there and not the empty tensor by which old files leave it out.</summary>
    private static bool Given(OperatorImport import, int input) =>
        import.Has(input) && !(import.Input(input).Shape is { Rank: 1 } shape && shape[0] == 0);

    /// <summary>All axes by the same factor, with lengths rounded to the nearest, halves up.</summary>
    private static Value InProportion(OperatorImport import, Value x, Value sizes, long[]? axes, bool larger)
    {
        GraphBuilder graph = import.Graph;
        Value lengths = graph.ShapeOf(x);
        if (axes is not null) lengths = graph.Gather(lengths, graph.Integers([.. axes.Select(a => (long)Shape.Axis(a, x.Rank))]));
        lengths = graph.Cast(lengths, ElementType.Float);
        Value factors = graph.Div(graph.Cast(sizes, ElementType.Float), lengths);
        Value factor = larger ? graph.ReduceMax(factors, [0]) : graph.ReduceMin(factors, [0]);
        return graph.Cast(graph.Floor(graph.Add(graph.Mul(lengths, factor), graph.Constant(0.5f))), ElementType.Int64);
    }

    private static IReadOnlyList<Value> ImportUpsample(OperatorImport import)
    {
        if (import.Opset >= 9) return ImportOld(import, import.Input(1), downwards: false);
        float[] scales = import.Attributes.Floats("scales") ?? throw new InvalidModelException("the attribute 'scales' is missing.");
        return ImportOld(import, import.Graph.Constant(NdArray.Vector(scales)), downwards: false);
    }

    /// <summary>
    /// Before version 11 the coordinate is x / scale, and the nearest is the one before it; where Resize makes an axis shorter the one after
    /// it, as ONNX Runtime has it.
    /// </summary>
    private static IReadOnlyList<Value> ImportOld(OperatorImport import, Value scales, bool downwards)
    {
        GraphBuilder graph = import.Graph;
        string mode = import.Attributes.String("mode", "nearest");
        var geometry = new ResizeGeometry
        {
            Mode = mode switch { "nearest" => ResizeMode.Nearest, "linear" or "bilinear" => ResizeMode.Linear, _ => throw import.Unsupported($"mode '{mode}' is not known; nearest and linear are.") },
            Coordinates = ResizeCoordinates.Asymmetric,
            Nearest = NearestMode.Floor,
        };
        float[]? known = graph.ConstantOf(scales)?.Floats.ToArray();
        Value x = import.Input(0);
        if (!downwards || geometry.Mode != ResizeMode.Nearest || known is not null && Array.TrueForAll(known, s => s >= 1))
            return import.Emit(new Resize { Geometry = geometry }, x, null, scales);
        Value one = graph.ScalarLike(scales, 1);
        if (known is null || Array.Exists(known, s => s > 1)) x = graph.Op(new Resize { Geometry = geometry }, x, null, graph.Max(scales, one));
        return import.Emit(new Resize { Geometry = geometry with { Nearest = NearestMode.Ceil } }, x, null, graph.Min(scales, one));
    }

    /// <summary>
    /// The attributes. In versions 11 and 12 there also was tf_half_pixel_for_nn, (x + ½) / scale, which rounded down is half_pixel with halves rounded up, and
    /// with halves rounded down is half_pixel rounded up.
    /// </summary>
    private static ResizeGeometry Geometry(OperatorImport import)
    {
        NodeAttributes attributes = import.Attributes;
        if (attributes.String("coordinate_transformation_mode", "") != "tf_half_pixel_for_nn") return ResizeGeometry.Read(attributes);
        attributes.Ignore("cubic_coeff_a");
        attributes.Ignore("exclude_outside");
        attributes.Ignore("extrapolation_value");
        return (attributes.String("mode", "nearest"), attributes.String("nearest_mode", "round_prefer_floor")) switch
        {
            ("nearest", "floor") => new ResizeGeometry { Nearest = NearestMode.RoundPreferCeil },
            ("nearest", "round_prefer_floor") => new ResizeGeometry { Nearest = NearestMode.Ceil },
            var (mode, nearest) => throw import.Unsupported($"coordinate_transformation_mode tf_half_pixel_for_nn with mode {mode} and nearest_mode {nearest} is not supported; nearest with floor or round_prefer_floor is."),
        };
    }
}

/// <summary>
/// A tensor resampled along its axes. Inputs: x, [region of interest], [scales], [sizes], where one of the last two is given; they are for
/// <see cref="Axes"/>, or for all axes.
/// </summary>
/// <remarks>
/// The meaning of ONNX 19 with keep_aspect_ratio_policy = stretch; the other policies become sizes when a file is read, so that an axis is scaled by what
/// its length became (ONNX Runtime keeps the factor from before rounding). Versions 10, 11, 13 and 18 and Upsample 7 and 9 are rewritten. A length is
/// ⌊length · scale⌋. Nearest takes any type of elements, linear and cubic floats. Separable: an axis at a time, with the weights in double. In x it is
/// affine, and linear but for the extrapolation value, so the gradient is <see cref="ResizeGradient"/>; none is sent to region, scales and sizes.
/// </remarks>
public sealed class Resize : Operator
{
    public ResizeGeometry Geometry { get; init; } = new();

    /// <summary>The axes that region, scales and sizes speak of; null for all.</summary>
    public long[]? Axes { get; init; }

    public override string Name => "Resize";

    public override int OpsetVersion => Geometry.Coordinates == ResizeCoordinates.HalfPixelSymmetric ? 19 : Geometry.Antialias || Axes is not null ? 18 : 13;

    public override IEnumerable<OperatorAttribute> Attributes => Axes is null ? Geometry.Attributes : Geometry.Attributes.Append(new("axes", Axes));

    public override void Infer(InferenceContext context)
    {
        if (context.TypeOf(0).Storage() != Storage.Float && Geometry.Mode != ResizeMode.Nearest)
            throw context.Error($"elements of type {context.TypeOf(0)} can be resized in the mode nearest only. Cast to float before.");
        if (context.ShapeOf(0) is not { } x)
        {
            context.Output(0, context.TypeOf(0), null);
            return;
        }
        int[] axes = Resolve(Axes, x.Rank);
        Dim[] dims = [.. x];
        NdArray? scales = context.Constant(2), sizes = context.Constant(3);
        for (int i = 0; i < axes.Length; i++)
            dims[axes[i]] = scales is not null ? Scaled(x[axes[i]], At(scales.Floats, i)) : sizes is not null ? Dim.Of(At(sizes.Integers, i)) : Dim.Unknown;
        context.Output(0, context.TypeOf(0), Shape.Of(dims));

        T At<T>(ReadOnlySpan<T> list, int i) => list.Length == axes.Length ? list[i] : throw context.Error($"{list.Length} numbers are given for {axes.Length} axes.");
    }

    public override void Execute(KernelContext context)
    {
        NdArray x = context.Input(0), y = context.Output(0);
        ResampledAxis[] axes = Plan(context, x.Dims, y.Dims, 1);
        if (y.Length == 0) return;
        switch (x.Type.Storage())
        {
            case Storage.Float when Geometry.Mode != ResizeMode.Nearest:
                Resampling.Apply(x.FloatMemory, y.FloatMemory, x.Dims, axes, forward: true, context.Workers);
                Resampling.FillOutside(y.Floats, y.Dims, axes, Geometry.Extrapolation);
                break;
            case Storage.Float: Pick<float>(x, y, axes, Geometry.Extrapolation); break;
            case Storage.Integer: Pick<long>(x, y, axes, (long)Geometry.Extrapolation); break;
            case Storage.Boolean: Pick<bool>(x, y, axes, Geometry.Extrapolation != 0); break;
            default: throw new UnsupportedOperatorException($"{Name} of strings is not supported; numbers and booleans are.");
        }
    }

    public override Value?[] Gradient(Backward backward)
    {
        IReadOnlyList<Value?> inputs = backward.Node.Inputs;
        var sent = new Value?[inputs.Count];
        if (backward.Needs(0))
            sent[0] = backward.Graph.Op(new ResizeGradient { Geometry = Geometry, Axes = Axes }, [backward.Upstream, backward.Graph.ShapeOf(backward.Input), .. inputs.Skip(1)]);
        return sent;
    }

    /// <summary>The interpolation of every axis. Region, scales and sizes are the inputs from <paramref name="first"/> on.</summary>
    internal static ResampledAxis[] Plan(KernelContext context, ResizeGeometry geometry, long[]? listed, ReadOnlySpan<int> x, ReadOnlySpan<int> y, int first)
    {
        int[] axes = Resolve(listed, x.Length);
        var plan = new ResampledAxis[x.Length];
        for (int d = 0; d < plan.Length; d++)
        {
            int i = Array.IndexOf(axes, d);
            bool stays = i < 0 || x[d] == y[d] && geometry.Coordinates != ResizeCoordinates.TfCropAndResize && (!context.Has(first + 1) || context.Floats(first + 1)[i] == 1);
            if (stays)
            {
                plan[d] = new ResampledAxis(x[d], x[d], 1, [.. Enumerable.Range(0, x[d])], [.. Enumerable.Repeat(1f, x[d])], null);
                continue;
            }
            double scale = context.Has(first + 1) ? context.Floats(first + 1)[i] : (double)y[d] / x[d];
            bool region = geometry.Coordinates == ResizeCoordinates.TfCropAndResize;
            plan[d] = geometry.Axis(x[d], y[d], scale, region ? context.Floats(first)[i] : 0, region ? context.Floats(first)[axes.Length + i] : 1);
        }
        return plan;
    }

    private ResampledAxis[] Plan(KernelContext context, ReadOnlySpan<int> x, ReadOnlySpan<int> y, int first) => Plan(context, Geometry, Axes, x, y, first);

    private static void Pick<T>(NdArray x, NdArray y, ResampledAxis[] axes, T outside)
        where T : unmanaged
    {
        ReadOnlySpan<T> from = x.Elements<T>();
        int[] now = x.Dims.ToArray();
        int[] order = [.. Enumerable.Range(0, axes.Length).Where(d => !axes[d].IsIdentity).OrderBy(d => (double)axes[d].Outputs / Math.Max(1, axes[d].Inputs))];
        if (order.Length == 0) from.CopyTo(y.Elements<T>());
        for (int i = 0; i < order.Length; i++)
        {
            int d = order[i], outer = NdArray.Count(now.AsSpan(0, d)), inner = NdArray.Count(now.AsSpan(d + 1));
            now[d] = axes[d].Outputs;
            Span<T> to = i == order.Length - 1 ? y.Elements<T>() : new T[NdArray.Count(now)];
            Resampling.Pick(from, to, outer, inner, axes[d]);
            from = to;
        }
        Resampling.FillOutside(y.Elements<T>(), y.Dims, axes, outside);
    }

    private static Dim Scaled(Dim length, float scale) => scale == 1 ? length : !length.IsKnown ? Dim.Unknown
        : scale > 0 ? Dim.Of((long)MathF.Floor(length.Value * scale)) : throw new ShapeMismatchException($"a scale is {scale}; it must be positive.");

    internal static int[] Resolve(long[]? axes, int rank) => axes is null ? [.. Enumerable.Range(0, rank)] : [.. axes.Select(a => Shape.Axis(a, rank))];
}

/// <summary>The adjoint of <see cref="Resize"/>. Inputs: dy, the shape of x, then the others of Resize.</summary>
public sealed class ResizeGradient : Operator
{
    public ResizeGeometry Geometry { get; init; } = new();

    public long[]? Axes { get; init; }

    public override string Name => "ResizeGradient";

    public override string Domain => "limn";

    public override IEnumerable<OperatorAttribute> Attributes => new Resize { Geometry = Geometry, Axes = Axes }.Attributes;

    public override void Infer(InferenceContext context) => context.Output(0, context.TypeOf(0), context.Listed(1));

    public override void Execute(KernelContext context)
    {
        NdArray dy = context.Input(0), dx = context.Output(0);
        if (dx.Length == 0) return;
        if (dy.Length == 0)
        {
            dx.Floats.Clear();
            return;
        }
        ResampledAxis[] axes = Resize.Plan(context, Geometry, Axes, dx.Dims, dy.Dims, 2);
        Memory<float> from = dy.FloatMemory;
        if (Array.Exists(axes, a => a.Outside is not null))
        {
            from = dy.Floats.ToArray();
            Resampling.FillOutside(from.Span, dy.Dims, axes, 0);
        }
        Resampling.Apply(from, dx.FloatMemory, dy.Dims, axes, forward: false, context.Workers);
    }

    public override Value?[] Gradient(Backward backward)
    {
        IReadOnlyList<Value?> inputs = backward.Node.Inputs;
        var sent = new Value?[inputs.Count];
        sent[0] = backward.Graph.Op(new Resize { Geometry = Geometry with { Extrapolation = 0 }, Axes = Axes }, [backward.Upstream, .. inputs.Skip(2)]);
        return sent;
    }

    /// <summary>For each axis a product with its matrix, which is what Resize makes of the unit matrix.</summary>
    public override IReadOnlyList<Value> Decompose(GraphBuilder graph, Node node)
    {
        Value y = node.Inputs[0]!, lengths = node.Inputs[1]!;
        int[] axes = Resize.Resolve(Axes, y.Rank);
        for (int i = 0; i < axes.Length; i++)
        {
            int axis = axes[i];
            if (Stays(graph, node, i)) continue;
            Value one = graph.Integers(i), n = graph.Gather(lengths, graph.Integers(axis));
            Value unit = graph.Op(new EyeLike { Type = y.Type }, graph.Op(new ConstantOfShape(NdArray.Vector(0f)), graph.Concat(0, n, n)));
            Value? region = Input(2) is { } r ? graph.Gather(r, graph.Integers(i, axes.Length + i)) : null;
            Value? scale = Input(3) is { } s ? graph.Gather(s, one) : null, size = Input(4) is { } z ? graph.Gather(z, one) : null;
            var op = new Resize { Geometry = Geometry with { Extrapolation = 0 }, Axes = [0] };
            Value matrix = graph.Op(op, size is null ? [unit, region, scale] : [unit, region, scale, size]); // [outputs, inputs]
            int[] swap = [.. Enumerable.Range(0, y.Rank)];
            (swap[axis], swap[^1]) = (swap[^1], swap[axis]);
            y = axis == y.Rank - 1 ? graph.MatMul(y, matrix) : graph.Transpose(graph.MatMul(graph.Transpose(y, swap), matrix), swap);
        }
        return [y];

        Value? Input(int k) => k < node.Inputs.Count ? node.Inputs[k] : null;
    }

    private bool Stays(GraphBuilder graph, Node node, int i) => Geometry.Coordinates != ResizeCoordinates.TfCropAndResize
        && node.Inputs.Count > 3 && graph.ConstantOf(node.Inputs[3]) is { } scales && scales.Floats[i] == 1;
}
