namespace Limn.Engine.Kernels;

/// <summary>Convolution of float32 tensors NC(D)HW and its gradients.</summary>
/// <remarks>
/// y(n, o, p) = bias(o) + Σ over c, k of w(o, c, k) * x(n, c, p * stride + k * dilation - pad), with x = 0 outside and c over the channels of o's group.
/// By matrix products over patches that are packed a block at a time (the implicit form of im2col); 1 x 1 windows are plain products, and one channel
/// a group is computed directly. The number of threads does not change a bit.
/// </remarks>
internal static unsafe partial class Convolution
{
    /// <summary>Output channels a group up to which a one-channel group is computed directly.</summary>
    private const int DirectOutputs = 4;

    /// <summary>y = the convolution of x with w, plus <paramref name="bias"/> [OutChannels] unless that is empty.</summary>
    /// <exception cref="ArgumentException">A span does not have the length that the shape says.</exception>
    public static void Forward(
        in ConvolutionShape shape, ReadOnlySpan<float> x, ReadOnlySpan<float> w, ReadOnlySpan<float> bias, Span<float> y, Workers workers) =>
        Forward(null, shape, x, w, bias, y, workers);

    /// <summary>y = scale · (the convolution of x with w) + shift, with one scale and one shift for each output channel, rounded once where the convolution is small.</summary>
    public static void Forward(
        in ConvolutionShape shape, ReadOnlySpan<float> x, ReadOnlySpan<float> w, ReadOnlySpan<double> scale, ReadOnlySpan<double> shift, Span<float> y, Workers workers)
    {
        shape.Validate(x.Length, w.Length, y.Length);
        if (!SmallConvolution.Suits(shape))
        {
            Forward(null, shape, x, w, [], y, workers);
            Normalization.ScaleShift(y, scale, shift, y, shape.Batch, shape.OutChannels, shape.OutputPositions, workers);
            return;
        }
        if (y.IsEmpty) return;
        fixed (float* px = x, pw = w, py = y)
        fixed (double* pa = scale, pb = shift) SmallConvolution.Forward(shape, px, pw, pa, pb, py, workers);
    }

    /// <summary>The same with vectors of a given width, which also passes over the short cut for small convolutions.</summary>
    internal static void Forward(
        VectorWidth? vectors, in ConvolutionShape shape, ReadOnlySpan<float> x, ReadOnlySpan<float> w, ReadOnlySpan<float> bias, Span<float> y, Workers workers)
    {
        shape.Validate(x.Length, w.Length, y.Length);
        if (!bias.IsEmpty && bias.Length != shape.OutChannels)
            throw new ArgumentException($"The bias of a convolution has one number an output channel ({shape.OutChannels}) or none, and got {bias.Length}.", nameof(bias));
        if (y.IsEmpty) return;
        fixed (float* px = x, pw = w, pb = bias, py = y)
        {
            if (vectors is null && SmallConvolution.Suits(shape))
            {
                double[] shift = Array.ConvertAll(bias.ToArray(), b => (double)b);
                fixed (double* ps = shift) SmallConvolution.Forward(shape, px, pw, null, ps, py, workers);
            }
            else Forward(vectors ?? VectorWidths.Best, shape, px, pw, pb, py, workers);
        }
    }

    private static void Forward(VectorWidth vectors, in ConvolutionShape shape, float* x, float* w, float* bias, float* y, Workers workers)
    {
        if (shape.InPerGroup == 1 && shape.OutPerGroup <= DirectOutputs)
            DepthwiseConvolution.Forward(vectors, shape, x, w, bias, y, workers);
        else
            ByProducts(vectors, shape, x, w, bias, y, workers);
    }

    private static void ByProducts(VectorWidth vectors, ConvolutionShape shape, float* x, float* w, float* bias, float* y, Workers workers)
    {
        int m = shape.OutPerGroup, n = shape.OutputPositions, k = shape.InPerGroup * shape.KernelVolume;
        bool pointwise = IsPointwise(shape);
        var patches = new Patches(shape);
        int[] tapOffsets = pointwise ? [] : patches.TapOffsets(shape.InPerGroup);

        ForEachImage(shape.Batch * shape.Groups, workers, Image);

        void Image(int image, Workers inner)
        {
            int group = image % shape.Groups;
            float* from = x + (nint)image * shape.InPerGroup * shape.InputPositions, to = y + (nint)image * m * n;
            var left = new LeftOperand((nint)(w + (nint)group * m * k), k, 1);
            ReadOnlySpan<float> start = bias == null ? default : new(bias + group * m, m);
            if (pointwise)
            {
                BlockedProduct.Run(vectors, m, n, k, 1, left, new RowMajorOperand(from, n), 0, to, n, start, inner);
                return;
            }
            using var scratch = new Scratch(patches.ChannelLength * shape.InPerGroup + Patches.Overrun);
            float* padded = scratch.Pointer;
            inner.Ranges(shape.InPerGroup, (int)Math.Clamp((1 << 15) / (patches.ChannelLength + 1), 1, int.MaxValue), (a, b) =>
                patches.Pad(from + (nint)a * shape.InputPositions, b - a, padded + a * patches.ChannelLength));
            fixed (int* taps = tapOffsets)
                BlockedProduct.Run(vectors, m, n, k, 1, left, new PatchOperand(patches, padded, taps), 0, to, n, start, inner);
        }
    }

    private static bool IsPointwise(in ConvolutionShape shape) => shape.Depth.IsIdentity && shape.Height.IsIdentity && shape.Width.IsIdentity;

    /// <summary>Many images go one to a thread; few are each cut up by the workers they get. Either way an element is computed the same.</summary>
    private static void ForEachImage(int images, Workers workers, Action<int, Workers> body)
    {
        if (workers.Count > 1 && images >= 2 * workers.Count)
            workers.For(images, image => body(image, Workers.Single));
        else
            for (int image = 0; image < images; image++) body(image, workers);
    }
}
