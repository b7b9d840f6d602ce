using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>Signals: <c>DFT</c>, <c>STFT</c>, <c>MelWeightMatrix</c>, and the windows <c>HannWindow</c>, <c>HammingWindow</c>, <c>BlackmanWindow</c>.</summary>
public static class SignalOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("DFT", ImportDft, since: 17, notes: "A length must be known when the file is read; a gradient needs the axis and the sizes known as well."),
        OperatorDefinition.Of("STFT", ImportStft, since: 17, notes: "A gradient needs the length of frames known when the file is read."),
        OperatorDefinition.Of("MelWeightMatrix", import => import.Emit(new MelWeightMatrix((ElementType)(int)import.Attributes.Int("output_datatype", 1)), import.Inputs), since: 17),
        OperatorDefinition.Of("HannWindow", import => Window(import, 0.5f, 0.5f, 0), since: 17),
        OperatorDefinition.Of("HammingWindow", import => Window(import, 25f / 46, 21f / 46, 0), since: 17),
        OperatorDefinition.Of("BlackmanWindow", import => Window(import, 0.42f, 0.5f, 0.08f), since: 17),
    ];

    /// <summary>The discrete Fourier transform along an axis of numbers [..., 1] or complex numbers [..., 2].</summary>
    /// <param name="graph">Where it is added.</param>
    /// <param name="x">The numbers.</param>
    /// <param name="axis">The axis, not the last.</param>
    /// <param name="length">To how many places the axis is cut or filled with zeros first; 0 for as many as it has.</param>
    /// <param name="inverse">Whether it is the inverse transform.</param>
    /// <param name="oneSided">Whether only the first half of the spectrum is made (or, inverse, given).</param>
    public static Value Dft(this GraphBuilder graph, Value x, int axis, int length = 0, bool inverse = false, bool oneSided = false) =>
        graph.Op(new Dft { Axis = axis, Length = length, Inverse = inverse, OneSided = oneSided },
            x, length == 0 ? null : graph.Constant(NdArray.Scalar((long)length)), graph.Constant(NdArray.Scalar((long)axis)));

    private static IReadOnlyList<Value> ImportDft(OperatorImport import)
    {
        int length = import.Has(1) ? checked((int)Known(import, 1, "length")) : 0;
        if (import.Has(1) && length < 1) throw new InvalidModelException($"its length is {length}.");
        Value x = import.Input(0);
        (bool inverse, bool oneSided) = (import.Attributes.Flag("inverse", false), import.Attributes.Flag("onesided", false));
        if (import.Opset >= 20 && import.Has(2) && import.Graph.ConstantOf(import.Input(2)) is null)
            return import.Emit(new Dft { Axis = -1, Length = length, Inverse = inverse, OneSided = oneSided }, import.Inputs);
        long axis = import.Opset < 20 ? import.Attributes.Int("axis", 1) : import.Has(2) ? Known(import, 2, "axis") : -2;
        return import.EmitAs(import.Graph.Dft(x, Shape.Axis(axis, x.Rank), length, inverse, oneSided));
    }

    /// <summary>Frames of the signal [rows, places, 1 or 2], times a window, transformed.</summary>
    private static IReadOnlyList<Value> ImportStft(OperatorImport import)
    {
        GraphBuilder g = import.Graph;
        Value signal = import.Input(0), zero = g.Constant(NdArray.Scalar(0L)), one = g.Constant(NdArray.Scalar(1L));
        Value? window = import.Has(2) ? import.Input(2) : null;
        if (window is null && !import.Has(3)) throw new InvalidModelException("it has neither a window nor a frame_length.");
        Value length = import.Has(3) ? Scalar(import, 3) : g.SizeOf(window!);
        Value places = g.Gather(g.ShapeOf(signal), one, 0);
        Value starts = g.Range(zero, g.Add(g.Sub(places, length), one), Scalar(import, 1));
        Value indices = g.Add(g.Unsqueeze(starts, 1), g.Range(zero, length, one));
        Value frames = g.Gather(signal, indices, 1); // [rows, frames, length, 1 or 2]
        if (window is not null) frames = g.Mul(frames, g.Unsqueeze(window, 1));
        return import.EmitAs(g.Dft(frames, 2, oneSided: import.Attributes.Flag("onesided", true)));
    }

    /// <summary>a − b cos 2πn/N + c cos 4πn/N, N the size, or for a symmetric window one less.</summary>
    private static IReadOnlyList<Value> Window(OperatorImport import, float a, float b, float c)
    {
        GraphBuilder g = import.Graph;
        Value size = g.Cast(import.Input(0), ElementType.Int64), one = g.Constant(NdArray.Scalar(1L));
        Value n = g.Cast(g.Range(g.Constant(NdArray.Scalar(0L)), g.Squeeze(g.Reshape(size, 1), 0), one), ElementType.Float);
        Value period = import.Attributes.Flag("periodic", true) ? size : g.Max(g.Sub(size, one), one);
        Value angle = g.Div(g.Scale(n, 2 * MathF.PI), g.Cast(period, ElementType.Float));
        Value window = g.Sub(g.Constant(a), g.Scale(g.Cos(angle), b));
        if (c != 0) window = g.Add(window, g.Scale(g.Cos(g.Scale(angle, 2)), c));
        return import.EmitAs(g.Cast(window, (ElementType)(int)import.Attributes.Int("output_datatype", 1)));
    }

    private static Value Scalar(OperatorImport import, int input) => import.Graph.Cast(import.Graph.Squeeze(import.Graph.Reshape(import.Input(input), 1), 0), ElementType.Int64);

    private static long Known(OperatorImport import, int input, string name) => import.Graph.ConstantOf(import.Input(input)) is { Length: 1 } value ? value.Integers[0]
        : throw import.Unsupported($"its {name} is computed while the model runs; only one that is known is supported.");
}

/// <summary>Which frequencies of a spectrum go into which band of the mel scale, as triangles: [dft_length/2 + 1, bands].</summary>
/// <remarks>ONNX 17, with its rounding down to whole frequencies. Inputs: bands, dft_length, sample_rate, lower and upper edge in hertz. No gradient.</remarks>
public sealed class MelWeightMatrix(ElementType type) : Operator
{
    /// <summary>The type of the output.</summary>
    public ElementType Type { get; } = type;

    public override string Name => "MelWeightMatrix";

    public override int OpsetVersion => 17;

    public override IEnumerable<OperatorAttribute> Attributes => [new("output_datatype", (long)Onnx.TensorWriter.TypeOf(Type))];

    public override bool MakesOutputs => true;

    public override void Infer(InferenceContext context)
    {
        Dim bands = context.Constant(0) is { } b ? Dim.Of(b.Integers[0]) : Dim.Unknown, lines = context.Constant(1) is { } n ? Dim.Of(n.Integers[0] / 2 + 1) : Dim.Unknown;
        context.Output(0, Type, [lines, bands]);
    }

    public override void Execute(KernelContext context)
    {
        long bands = context.Integers(0)[0], length = context.Integers(1)[0], rate = context.Integers(2)[0];
        const long Most = 1 << 14; // far more than any spectrogram has
        if (bands is < 1 or > Most || length is < 1 or > Most || rate < 1) throw new InvalidDataException($"{bands} bands of a transform of {length} places at {rate} hertz do not exist.");
        double low = Mel(context.Floats(3)[0]), high = Mel(context.Floats(4)[0]), step = (high - low) / (bands + 2);
        long[] edges = [.. Enumerable.Range(0, (int)bands + 2).Select(i => (long)Math.Floor((length + 1) * (700 * (Math.Pow(10, (i * step + low) / 2595) - 1)) / rate))];
        int lines = (int)length / 2 + 1, columns = (int)bands;
        var weights = new float[checked(lines * columns)];
        for (int band = 0; band < columns; band++)
        {
            (long from, long centre, long to) = (edges[band], edges[band + 1], edges[band + 2]);
            for (long line = Math.Max(0, from); line <= Math.Min(centre, lines - 1); line++) weights[line * columns + band] = centre == from ? 1 : (float)(line - from) / (centre - from);
            for (long line = Math.Max(0, centre); line < Math.Min(to, lines); line++) weights[line * columns + band] = (float)(to - line) / (to - centre);
        }
        context.Store(0, new NdArray(weights, lines, columns).As(Type));
    }

    private static double Mel(float hertz) => 2595 * Math.Log10(1 + hertz / 700.0);
}
