using System.Numerics;
using Limn.Engine.Differentiation;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>yₖ = Σₙ xₙ e^(−2πi kn/N) along an axis; inverse: 1/N Σ with the other sign. The last axis holds real numbers (1) or real and imaginary parts (2).</summary>
/// <remarks>
/// ONNX 17 to newest. One-sided: only k ≤ N/2 of real numbers; inverse, these are given and real numbers come out, 2(n − 1) of them unless a length
/// says otherwise. In double precision, by the fast transform for any N. The gradient is the transform back, scaled.
/// Inputs: x, [length], axis; both are also properties.
/// </remarks>
public sealed class Dft : Operator
{
    /// <summary>The axis, counted from the front; -1 if only its input says it, when the graph runs.</summary>
    public int Axis { get; init; }

    /// <summary>N; 0 for the size of the axis.</summary>
    public int Length { get; init; }

    public bool Inverse { get; init; }

    public bool OneSided { get; init; }

    public override string Name => "DFT";

    public override int OpsetVersion => 20;

    public override IEnumerable<OperatorAttribute> Attributes
    {
        get
        {
            if (Inverse) yield return new("inverse", 1L);
            if (OneSided) yield return new("onesided", 1L);
        }
    }

    public override bool MakesOutputs => Axis < 0;

    public override void Infer(InferenceContext context)
    {
        if (Axis < 0)
        {
            if (context.Constant(2) is { } axis) At(axis, context.ShapeOf(0)?.Rank).Infer(context);
            else context.Output(0, context.TypeOf(0), context.ShapeOf(0) is { } given ? Shape.OfRank(given.Rank) : null);
            return;
        }
        if (!context.TypeOf(0).IsFloating()) throw context.Error($"it takes floating-point numbers, and its input is {context.TypeOf(0)}.");
        if (context.ShapeOf(0) is not { } x)
        {
            context.Output(0, context.TypeOf(0), null);
            return;
        }
        if (x.Rank < 2 || Axis < 0 || Axis >= x.Rank - 1) throw context.Error($"axis {Axis} of {x} does not exist, or holds the parts of complex numbers.");
        if (x[^1].IsKnown && x[^1].Value is not (1 or 2)) throw context.Error($"the last axis of {x} must hold 1 (real) or 2 (complex) numbers.");
        Dim n = Length > 0 ? Length : Inverse && OneSided ? x[Axis].IsKnown ? Math.Max(0, 2 * (x[Axis].Value - 1)) : Dim.Unknown : x[Axis];
        Dim places = OneSided && !Inverse ? n / 2 + 1 : n;
        context.Output(0, context.TypeOf(0), x.With(Axis, places).With(x.Rank - 1, OneSided && Inverse ? 1 : 2));
    }

    public override void Execute(KernelContext context)
    {
        NdArray x = context.Input(0);
        if (Axis < 0)
        {
            Dft known = At(context.Input(2), x.Rank);
            var inference = new InferenceContext(known, Name, context.InputCount, 1, i => (context.Input(i).Type, Shape.Of(context.Dims(i))), _ => null);
            known.Infer(inference);
            NdArray made = NdArray.Create(x.Type, inference.Outputs[0].Shape!.ToArray());
            known.Transform(x, made, context.Workers);
            context.Store(0, made);
            return;
        }
        Transform(x, context.Output(0), context.Workers);
    }

    private Dft At(NdArray axis, int? rank) => new() { Axis = Shape.Axis(axis.Integers[0], rank ?? throw new ShapeMismatchException("The number of dimensions of the signal is not known.")), Length = Length, Inverse = Inverse, OneSided = OneSided };

    private void Transform(NdArray x, NdArray y, Workers workers)
    {
        int parts = x.Dims[^1], outParts = y.Dims[^1], given = x.Dims[Axis], made = y.Dims[Axis];
        int inner = NdArray.Count(x.Dims[(Axis + 1)..^1]), outer = NdArray.Count(x.Dims[..Axis]);
        int n = OneSided && !Inverse ? Length > 0 ? Length : given : made;
        if (y.Length == 0) return;
        bool mirrored = OneSided && Inverse;
        var fourier = new FourierTransform(n, Inverse);
        workers.For(outer * inner, line =>
        {
            (int o, int i) = Math.DivRem(line, inner);
            var values = new Complex[n];
            int taken = Math.Min(given, mirrored ? n / 2 + 1 : n);
            for (int k = 0; k < taken; k++)
            {
                int at = ((o * given + k) * inner + i) * parts;
                values[k] = new Complex(x.Floats[at], parts == 2 ? x.Floats[at + 1] : 0);
            }
            if (mirrored)
                for (int k = n / 2 + 1; k < n; k++) values[k] = Complex.Conjugate(values[n - k]);
            fourier.Run(values);
            for (int k = 0; k < made; k++)
            {
                int at = ((o * made + k) * inner + i) * outParts;
                y.Floats[at] = (float)values[k].Real;
                if (outParts == 2) y.Floats[at + 1] = (float)values[k].Imaginary;
            }
        });
    }

    public override Value?[]? Gradient(Backward backward)
    {
        GraphBuilder g = backward.Graph;
        var sent = new Value?[backward.Node.Inputs.Count];
        if (!backward.Needs(0)) return sent;
        if (Axis < 0) return null;
        if (backward.Input.Shape is not { } x || backward.Output.Shape is not { } y || !x[Axis].IsKnown || !y[Axis].IsKnown || !x[^1].IsKnown) return null;
        int given = x[Axis].Value, made = y[Axis].Value, n = OneSided && !Inverse ? Length > 0 ? Length : given : made, last = x.Rank - 1;
        Value dy = backward.Upstream;
        if (OneSided && Inverse)
        {
            // Of each frequency but the first and the middle one there are two.
            int half = n / 2 + 1;
            var weights = new float[half];
            for (int k = 0; k < half; k++) weights[k] = (k == 0 || 2 * k == n ? 1f : 2f) / n;
            var shape = new int[x.Rank];
            Array.Fill(shape, 1);
            shape[Axis] = half;
            sent[0] = Resized(g, g.Mul(g.Dft(dy, Axis, oneSided: true), g.Constant(new NdArray(weights, shape))), half, given, x.Rank);
        }
        else
        {
            // The adjoint of a transform is the other one, without its own scale.
            Value back = g.Dft(Resized(g, dy, made, n, x.Rank), Axis, inverse: !Inverse);
            sent[0] = Resized(g, g.Scale(back, Inverse ? 1f / n : n), n, given, x.Rank);
        }
        if (x[last].Value == 1) sent[0] = g.Slice(sent[0]!, [0], [1], [last]);
        return sent;
    }

    /// <summary>The axis cut, or filled with zeros.</summary>
    private Value Resized(GraphBuilder g, Value x, int from, int to, int rank)
    {
        if (from == to) return x;
        if (from > to) return g.Slice(x, [0], [to], [Axis]);
        var pads = new long[2 * rank];
        pads[rank + Axis] = to - from;
        return g.Pad(x, pads);
    }
}
