namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>
/// Convolution by 3 x 3 windows with stride 1, channels last, in fewer multiplications: F(2 x 2, 3 x 3) takes 16 products for 4 outputs
/// of a pair of channels where the direct sum takes 36, F(4 x 4, 3 x 3) 36 products for 16 outputs where it takes 144.
/// </summary>
/// <remarks>
/// The output is cut into tiles of m x m; with d the (m + 2) x (m + 2) inputs that a tile reads and g the taps,
/// Y = Aᵀ [ Σ over input channels of (G g Gᵀ) ∘ (Bᵀ d B) ] A. The sum over the channels is a matrix product at each of the (m + 2)² points.
/// Lavin, Gray: Fast Algorithms for Convolutional Neural Networks, CVPR 2016, section 4.
/// An input that is infinite or NaN can make NaN any output of a tile that reads it, more than those whose window it is in: here we
/// differ from the direct sum. No other tile sees it.
/// Rounding errors are relative to the largest terms of a tile: of normal data with 512 channels, the relative error in the L2 norm is
/// about 2e-6 for m = 4, and that of the direct sum about 1e-6.
/// </remarks>
internal static unsafe partial class WinogradConvolution
{
    /// <summary>Whether a convolution is of the kind done here: 2-D, 3 x 3, stride 1, no dilation, no groups; any padding.</summary>
    public static bool Suits(in ConvolutionShape shape) =>
        shape.Groups == 1 && shape.Depth == WindowAxis.One && IsThree(shape.Height) && IsThree(shape.Width);

    private static bool IsThree(in WindowAxis axis) => axis is { Kernel: 3, Stride: 1, Dilation: 1 };

    /// <exception cref="ArgumentException">The shape is not one of <see cref="Suits"/>.</exception>
    internal static void Check(in ConvolutionShape shape)
    {
        if (!Suits(shape)) throw new ArgumentException($"The Winograd convolution needs windows of 3 x 3, stride 1, no dilation and one group, and got {shape}.", nameof(shape));
    }

    /// <summary>y = epilogue(w * x).</summary>
    /// <param name="shape">One of <see cref="Suits"/>.</param>
    /// <param name="x">The input [batch, height, width, in].</param>
    /// <param name="w">The weights, by <see cref="WinogradFilter.Of(in ConvolutionShape, ReadOnlySpan{float}, int)"/>.</param>
    /// <param name="epilogue">What becomes of each sum before it is stored.</param>
    /// <param name="y">The output [batch, height, width, out], apart from <paramref name="x"/>.</param>
    /// <param name="workers">The threads; the result has the same bits whatever their number.</param>
    /// <param name="xStep">Floats from a position of x to the next, where x is some channels of a larger tensor; 0 where it is whole.</param>
    /// <param name="yStep">The same of y, and of the epilogue's tensors.</param>
    /// <exception cref="ArgumentException">The shape is not one of <see cref="Suits"/>, or the filter was made for other channels.</exception>
    public static void Forward(in ConvolutionShape shape, float* x, WinogradFilter w, in Epilogue epilogue, float* y, Workers workers, nint xStep = 0, nint yStep = 0)
    {
        Check(shape);
        if (w.InChannels != shape.InChannels || w.OutChannels != shape.OutChannels)
        {
            throw new ArgumentException(
                $"The filter takes {w.InChannels} to {w.OutChannels} channels, and the convolution {shape.InChannels} to {shape.OutChannels}: make the filter of this shape.", nameof(w));
        }
        if (shape.OutputLength == 0) return;
        switch (w.Tile, w.Width)
        {
            case (4, VectorWidth.Vector512): Run<Lane512, System.Runtime.Intrinsics.Vector512<float>, WinogradTile4>(shape, x, w, epilogue, y, workers, xStep, yStep); break;
            case (4, VectorWidth.Vector256): Run<Lane256, System.Runtime.Intrinsics.Vector256<float>, WinogradTile4>(shape, x, w, epilogue, y, workers, xStep, yStep); break;
            case (4, VectorWidth.Vector128): Run<Lane128, System.Runtime.Intrinsics.Vector128<float>, WinogradTile4>(shape, x, w, epilogue, y, workers, xStep, yStep); break;
            case (4, _): Run<LaneScalar, float, WinogradTile4>(shape, x, w, epilogue, y, workers, xStep, yStep); break;
            case (_, VectorWidth.Vector512): Run<Lane512, System.Runtime.Intrinsics.Vector512<float>, WinogradTile2>(shape, x, w, epilogue, y, workers, xStep, yStep); break;
            case (_, VectorWidth.Vector256): Run<Lane256, System.Runtime.Intrinsics.Vector256<float>, WinogradTile2>(shape, x, w, epilogue, y, workers, xStep, yStep); break;
            case (_, VectorWidth.Vector128): Run<Lane128, System.Runtime.Intrinsics.Vector128<float>, WinogradTile2>(shape, x, w, epilogue, y, workers, xStep, yStep); break;
            default: Run<LaneScalar, float, WinogradTile2>(shape, x, w, epilogue, y, workers, xStep, yStep); break;
        }
        GC.KeepAlive(w); // its panels were read by address
    }

    /// <summary>dx = epilogue(wᵀ * dy): the gradient of the input of the convolution of <paramref name="shape"/>.</summary>
    /// <param name="shape">The shape of the forward convolution.</param>
    /// <param name="dy">The gradient of the output [batch, height, width, out].</param>
    /// <param name="w">The weights, by <see cref="WinogradFilter.OfInputGradient(in ConvolutionShape, ReadOnlySpan{float}, int)"/>.</param>
    /// <param name="epilogue">What becomes of each sum before it is stored.</param>
    /// <param name="dx">The gradient of the input [batch, height, width, in], apart from <paramref name="dy"/>.</param>
    /// <param name="workers">The threads; the result has the same bits whatever their number.</param>
    /// <param name="dyStep">Floats from a position of dy to the next, where dy is some channels of a larger tensor; 0 where it is whole.</param>
    /// <param name="dxStep">The same of dx, and of the epilogue's tensors.</param>
    /// <exception cref="ArgumentException">The shape is not one of <see cref="Suits"/>, or the filter was made for other channels.</exception>
    public static void BackwardInput(in ConvolutionShape shape, float* dy, WinogradFilter w, in Epilogue epilogue, float* dx, Workers workers, nint dyStep = 0, nint dxStep = 0)
    {
        Check(shape);
        Forward(Transposed(shape), dy, w, epilogue, dx, workers, dyStep, dxStep);
    }

    /// <summary>The convolution that takes the gradient of the output to that of the input.</summary>
    internal static ConvolutionShape Transposed(in ConvolutionShape shape) => shape with
    {
        InChannels = shape.OutChannels,
        OutChannels = shape.InChannels,
        Height = Transposed(shape.Height),
        Width = Transposed(shape.Width),
    };

    private static WindowAxis Transposed(in WindowAxis axis) => new(axis.Output, axis.Input, 3, PadBegin: 2 - axis.PadBegin);

    private static void Run<TLane, TVector, TTile>(in ConvolutionShape shape, float* x, WinogradFilter w, in Epilogue epilogue, float* y, Workers workers, nint xStep, nint yStep)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
        where TTile : struct, IWinogradTile =>
        new WinogradRun<TLane, TVector, TTile>(shape, x, w, epilogue, y, xStep == 0 ? shape.InChannels : xStep, yStep == 0 ? shape.OutChannels : yStep).Run(workers);
}
