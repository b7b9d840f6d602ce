using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary><c>Unique</c>: what occurs, once each.</summary>
public static class UniqueOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions => [OperatorDefinition.Of("Unique", Import, since: 11)];

    private static IReadOnlyList<Value> Import(OperatorImport import)
    {
        GraphBuilder g = import.Graph;
        long? axis = import.Attributes.Has("axis") ? import.Attributes.Int("axis", 0) : null;
        Value x = import.Input(0);
        IReadOnlyList<Value> found = g.Node(new Unique { Axis = axis, Sorted = import.Attributes.Flag("sorted", true) }, [x], 4);
        // The values are gathered where they first occur, so that gradients pass.
        Value values = g.Gather(axis is null ? g.Reshape(x, -1) : x, found[1], axis ?? 0);
        return [values, .. found.Skip(1)];
    }
}

/// <summary>The slices along an axis (the elements, without one) that differ; where each first occurs; which of them each slice is; how often each occurs.</summary>
/// <remarks>ONNX 11. Sorted in order of the elements, else in order of occurrence. NaN equals NaN and comes last.</remarks>
public sealed class Unique : Operator
{
    public long? Axis { get; init; }

    public bool Sorted { get; init; } = true;

    public override string Name => "Unique";

    public override int OpsetVersion => 11;

    public override IEnumerable<OperatorAttribute> Attributes => Axis is { } axis ? [new("axis", axis), new("sorted", Sorted)] : [new("sorted", Sorted)];

    public override bool MakesOutputs => true;

    public override void Infer(InferenceContext context)
    {
        Shape? shape = context.ShapeOf(0);
        context.Output(0, context.TypeOf(0), Axis is not { } axis ? [Dim.Unknown] : shape?.With(Shape.Axis(axis, shape.Rank), Dim.Unknown));
        for (int i = 1; i < 4; i++) context.Output(i, ElementType.Int64, [Dim.Unknown]);
    }

    public override void Execute(KernelContext context)
    {
        NdArray x = context.Input(0);
        (int outer, int count, int inner) = Axis is { } axis ? Dims.Split(x.Dims, (int)axis) : (1, x.Length, 1);
        Comparison<int> compare = x.Type.Storage() switch
        {
            Storage.Float => Slices((i, j) => x.Floats[i] == x.Floats[j] ? 0 : float.IsNaN(x.Floats[i]) || float.IsNaN(x.Floats[j]) ? float.IsNaN(x.Floats[i]).CompareTo(float.IsNaN(x.Floats[j])) : x.Floats[i].CompareTo(x.Floats[j])),
            Storage.Integer => Slices((i, j) => x.Integers[i].CompareTo(x.Integers[j])),
            Storage.Boolean => Slices((i, j) => x.Booleans[i].CompareTo(x.Booleans[j])),
            _ => Slices((i, j) => string.CompareOrdinal(x.Strings[i], x.Strings[j])),
        };
        int[] order = [.. Enumerable.Range(0, count)];
        Array.Sort(order, (a, b) => compare(a, b) is var c && c != 0 ? c : a.CompareTo(b));
        var groups = new List<List<int>>(); // the places of each value, in order
        foreach (int place in order)
        {
            if (groups.Count == 0 || compare(groups[^1][0], place) != 0) groups.Add([]);
            groups[^1].Add(place);
        }
        if (!Sorted) groups.Sort((a, b) => a[0].CompareTo(b[0]));

        long[] first = [.. groups.Select(g => (long)g[0])];
        var inverse = new long[count];
        for (int k = 0; k < groups.Count; k++)
            foreach (int place in groups[k]) inverse[place] = k;
        context.Store(1, NdArray.Vector(first));
        context.Store(2, NdArray.Vector(inverse));
        context.Store(3, NdArray.Vector([.. groups.Select(g => (long)g.Count)]));
        if (!context.Wants(0)) return;
        int[] dims = Axis is { } along ? x.Dims.ToArray() : [groups.Count];
        if (Axis is { } a) dims[Shape.Axis(a, dims.Length)] = groups.Count;
        NdArray y = NdArray.Create(x.Type, dims);
        var gather = new KernelContext(context.Workers, [Axis is null ? x.Reshape(x.Length) : x, NdArray.Vector(first), y], [0, 1], [2]);
        new Gather { Axis = Axis ?? 0 }.Execute(gather);
        context.Store(0, y);

        Comparison<int> Slices(Comparison<int> elements) => (a, b) =>
        {
            for (int o = 0; o < outer; o++)
                for (int i = 0; i < inner; i++)
                    if (elements((o * count + a) * inner + i, (o * count + b) * inner + i) is var c && c != 0) return c;
            return 0;
        };
    }
}
