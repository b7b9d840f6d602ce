using System.Runtime.CompilerServices;

namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>A linear map of one shape, a convolution, its gradient with respect to the input, or a product with a matrix, with weights packed for the way in which it is computed.</summary>
internal abstract unsafe class LinearKernel
{
    private static readonly ConditionalWeakTable<NdArray, List<Packed>> Kept = [];

    /// <summary>Whether what is read may be some channels of a larger tensor.</summary>
    public virtual bool ReadsSlices => false;

    /// <summary>Whether what is written may be some channels of a larger tensor.</summary>
    public virtual bool WritesSlices => false;

    /// <summary>Multiply-adds of the map as it is defined, however it is computed.</summary>
    public abstract long Work { get; }

    /// <summary>Numbers among the weights before they were packed.</summary>
    public abstract long WeightLength { get; }

    /// <summary>x or dy [N, H, W, C] to y or dx, or A [m, k] to A · B [m, n].</summary>
    /// <param name="from">What is read.</param>
    /// <param name="fromStep">Floats from a position of that to the next, where it is some channels of a larger tensor (<see cref="ReadsSlices"/>); 0 where it is whole.</param>
    /// <param name="epilogue">What becomes of each sum; its tensors are laid out as the result.</param>
    /// <param name="to">The result.</param>
    /// <param name="toStep">The same of the result (<see cref="WritesSlices"/>).</param>
    /// <param name="workers">The threads.</param>
    public abstract void Run(float* from, nint fromStep, in Epilogue epilogue, float* to, nint toStep, Workers workers);

    /// <param name="shape">The convolution.</param>
    /// <param name="w">Its weights [O, I / groups, kh, kw].</param>
    /// <param name="scale">A factor for each output channel; null for none.</param>
    /// <param name="sameEverywhere">Whether equal windows must give equal sums to the bit, wherever they lie, which Winograd's tiles do not.</param>
    public static LinearKernel Forward(in ConvolutionShape shape, NdArray w, double[]? scale, bool sameEverywhere = false)
    {
        ConvolutionShape s = shape;
        if (IsDepthwise(shape)) return new Depthwise(s, Keep(w, "depthwise", default, scale, v => PackDepthwise(s, v)), backward: false);
        if (!sameEverywhere && WinogradConvolution.Choose(shape) is > 0 and var tile)
            return new Winograd(s, Keep(w, $"winograd {tile}", default, scale, v => WinogradFilter.Of(s, v, tile)), backward: false);
        return new Direct(s, Keep(w, "direct", default, scale, v => PackedFilter.OfConvolution(s, v)), backward: false);
    }

    /// <param name="shape">The convolution.</param>
    /// <param name="w">Its weights [O, I / groups, kh, kw].</param>
    /// <param name="scale">A factor for each output channel; null for none.</param>
    public static LinearKernel InputGradient(in ConvolutionShape shape, NdArray w, double[]? scale)
    {
        ConvolutionShape s = shape;
        if (IsDepthwise(shape)) return new Depthwise(s, Keep(w, "depthwise", default, scale, v => PackDepthwise(s, v)), backward: true);
        if (ChannelsLastConvolution.IsTiled(shape)) return new Tiles(s, Keep(w, "tiles", default, scale, v => PackedFilter.OfTiles(s, v)));
        if (WinogradConvolution.Choose(Turned(shape)) is > 0 and var tile)
            return new Winograd(s, Keep(w, $"winograd gradient {tile}", default, scale, v => WinogradFilter.OfInputGradient(s, v, tile)), backward: true);
        return new Direct(s, Keep(w, "gradient", Taps(shape), scale, v => PackedFilter.OfInputGradient(s, v)), backward: true);
    }

    /// <summary>A · B for a matrix B of weights, stored [k, n], or [n, k] where it is transposed.</summary>
    public static LinearKernel Product(int m, int k, int n, bool transposed, NdArray b) =>
        new Matrix(m, k, n, Keep(b, transposed ? "transposed" : "matrix", default, null, v => PackedFilter.OfMatrix(transposed, k, n, v)));

    private static float[] PackDepthwise(in ConvolutionShape shape, ReadOnlySpan<float> w)
    {
        var packed = new float[w.Length];
        ChannelsLastDepthwise.Pack(shape, w, packed);
        return packed;
    }

    private static bool IsDepthwise(in ConvolutionShape shape) => shape.Groups > 1 && shape.InPerGroup == 1 && shape.OutPerGroup == 1;

    /// <summary>The convolution of dy that makes dx, where the stride is 1.</summary>
    private static ConvolutionShape Turned(in ConvolutionShape shape) => shape with
    {
        InChannels = shape.OutChannels, OutChannels = shape.InChannels, Height = Turned(shape.Height), Width = Turned(shape.Width),
    };

    private static WindowAxis Turned(WindowAxis axis) => axis with { Input = axis.Output, Output = axis.Input, PadBegin = (axis.Kernel - 1) * axis.Dilation - axis.PadBegin };

    /// <summary>What the packed weights of a gradient depend on: which taps meet which phase.</summary>
    private static (WindowAxis Height, WindowAxis Width) Taps(in ConvolutionShape shape) =>
        (shape.Height with { Input = 0, Output = 0, PadEnd = 0 }, shape.Width with { Input = 0, Output = 0, PadEnd = 0 });

    /// <summary>Weights are packed once for each way to use them and kept as long as they themselves: plans and sessions share them.</summary>
    private static T Keep<T>(NdArray w, string way, (WindowAxis, WindowAxis) taps, double[]? scale, Packer<T> pack)
        where T : class
    {
        List<Packed> kept = Kept.GetOrCreateValue(w);
        lock (kept)
        {
            foreach (Packed packed in kept)
                if (packed.Way == way && packed.Taps == taps && packed.Scale.AsSpan().SequenceEqual(scale) && (packed.Scale is null) == (scale is null)) return (T)packed.Weights;
            T made = pack(scale is null ? w.Floats : Scaled(w, scale));
            kept.Add(new Packed(way, taps, scale, made));
            return made;
        }
    }

    private static float[] Scaled(NdArray w, double[] scale)
    {
        float[] scaled = w.Floats.ToArray();
        int each = scaled.Length / scale.Length;
        for (int o = 0; o < scale.Length; o++)
            foreach (ref float value in scaled.AsSpan(o * each, each)) value = (float)(value * scale[o]);
        return scaled;
    }

    private delegate T Packer<out T>(ReadOnlySpan<float> weights);

    private sealed record Packed(string Way, (WindowAxis, WindowAxis) Taps, double[]? Scale, object Weights);

    private sealed class Direct(ConvolutionShape shape, PackedFilter weights, bool backward) : LinearKernel
    {
        public override long Work => shape.OutputLength * shape.InPerGroup * shape.KernelVolume;

        public override long WeightLength => shape.WeightLength;

        public override bool ReadsSlices => true;

        public override bool WritesSlices => weights.Block == (1, 1);

        public override void Run(float* from, nint fromStep, in Epilogue epilogue, float* to, nint toStep, Workers workers)
        {
            if (backward) ChannelsLastConvolution.BackwardInput(shape, from, weights, epilogue, to, workers, fromStep, toStep);
            else ChannelsLastConvolution.Forward(shape, from, weights, epilogue, to, workers, fromStep, toStep);
        }
    }

    private sealed class Tiles(ConvolutionShape shape, PackedFilter weights) : LinearKernel
    {
        public override long Work => shape.OutputLength * shape.InPerGroup * shape.KernelVolume;

        public override long WeightLength => shape.WeightLength;

        public override void Run(float* from, nint fromStep, in Epilogue epilogue, float* to, nint toStep, Workers workers) =>
            ChannelsLastConvolution.BackwardTiles(shape, from, weights, epilogue, to, workers);
    }

    private sealed class Winograd(ConvolutionShape shape, WinogradFilter weights, bool backward) : LinearKernel
    {
        public override long Work => shape.OutputLength * shape.InPerGroup * shape.KernelVolume;

        public override long WeightLength => shape.WeightLength;

        public override bool ReadsSlices => true;

        public override bool WritesSlices => true;

        public override void Run(float* from, nint fromStep, in Epilogue epilogue, float* to, nint toStep, Workers workers)
        {
            if (backward) WinogradConvolution.BackwardInput(shape, from, weights, epilogue, to, workers, fromStep, toStep);
            else WinogradConvolution.Forward(shape, from, weights, epilogue, to, workers, fromStep, toStep);
        }
    }

    private sealed class Depthwise(ConvolutionShape shape, float[] weights, bool backward) : LinearKernel
    {
        public override long Work => shape.OutputLength * shape.InPerGroup * shape.KernelVolume;

        public override long WeightLength => shape.WeightLength;

        public override void Run(float* from, nint fromStep, in Epilogue epilogue, float* to, nint toStep, Workers workers)
        {
            fixed (float* w = weights)
            {
                if (backward) ChannelsLastDepthwise.BackwardInput(shape, from, w, epilogue, to, workers);
                else ChannelsLastDepthwise.Forward(shape, from, w, epilogue, to, workers);
            }
        }
    }

    private sealed class Matrix(int m, int k, int n, PackedFilter weights) : LinearKernel
    {
        public override long Work => (long)m * k * n;

        public override long WeightLength => (long)k * n;

        public override void Run(float* from, nint fromStep, in Epilogue epilogue, float* to, nint toStep, Workers workers) => PackedProduct.Run(m, from, k, weights, epilogue, to, n, workers);
    }
}
