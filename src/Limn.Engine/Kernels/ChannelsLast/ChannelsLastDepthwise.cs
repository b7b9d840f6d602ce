using System.Runtime.Intrinsics;

namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>
/// Convolution with one channel a group and as many outputs as inputs, on tensors [N, H, W, C]: y[n, h, w, c] = Σ x[n, h', w', c] weights[kh, kw, c].
/// </summary>
/// <remarks>
/// A vector holds neighbouring channels, and several results of a row are summed at once in registers. There is little work for each number that
/// is read, so the memory sets the pace: every channel of a few columns is done before the next columns, which reads memory in long runs.
/// </remarks>
internal static unsafe class ChannelsLastDepthwise
{
    /// <summary>Multiplications that are worth another thread.</summary>
    private const int WorthAThread = 1 << 16;

    /// <summary>Lays weights [C, 1, kH, kW] out as [kH, kW, C].</summary>
    /// <exception cref="ArgumentException">The convolution is not depthwise in two dimensions, or a span has not the length of its weights.</exception>
    public static void Pack(in ConvolutionShape shape, ReadOnlySpan<float> w, Span<float> packed)
    {
        Check(shape);
        int taps = shape.KernelVolume, channels = shape.InChannels;
        if (w.Length != (long)taps * channels || packed.Length != w.Length)
            throw new ArgumentException($"The weights of {channels} channels with {taps} taps are {(long)taps * channels}, and the spans have {w.Length} and {packed.Length}.", nameof(w));
        for (int c = 0; c < channels; c++)
        {
            for (int t = 0; t < taps; t++) packed[t * channels + c] = w[c * taps + t];
        }
    }

    /// <summary>y = epilogue(x * weights).</summary>
    /// <param name="shape">One channel in and out a group, no depth.</param>
    /// <param name="x">The input, [N, H, W, C].</param>
    /// <param name="w">Weights that <see cref="Pack"/> laid out.</param>
    /// <param name="epilogue">What becomes of each sum; its tensors are laid out as y.</param>
    /// <param name="y">The output, [N, oH, oW, C]; not the input.</param>
    /// <param name="workers">The threads.</param>
    /// <exception cref="ArgumentException">The convolution is not depthwise in two dimensions.</exception>
    public static void Forward(in ConvolutionShape shape, float* x, float* w, in Epilogue epilogue, float* y, Workers workers) =>
        Forward(VectorWidths.Best, shape, x, w, epilogue, y, workers);

    public static void Forward(VectorWidth vectors, in ConvolutionShape shape, float* x, float* w, in Epilogue epilogue, float* y, Workers workers)
    {
        Check(shape);
        Run(vectors, shape, [GatherAxis.Forward(shape.Height)], [GatherAxis.Forward(shape.Width)], x, w, epilogue, y, workers);
    }

    /// <summary>dx = epilogue(the gradient that dy sends through the weights).</summary>
    /// <param name="shape">The shape of the forward convolution.</param>
    /// <param name="dy">The gradient of the output, [N, oH, oW, C].</param>
    /// <param name="w">The same weights as forward.</param>
    /// <param name="epilogue">What becomes of each sum; its tensors are laid out as dx.</param>
    /// <param name="dx">The gradient of the input, [N, H, W, C]; not dy.</param>
    /// <param name="workers">The threads.</param>
    /// <exception cref="ArgumentException">The convolution is not depthwise in two dimensions.</exception>
    public static void BackwardInput(in ConvolutionShape shape, float* dy, float* w, in Epilogue epilogue, float* dx, Workers workers) =>
        BackwardInput(VectorWidths.Best, shape, dy, w, epilogue, dx, workers);

    public static void BackwardInput(VectorWidth vectors, in ConvolutionShape shape, float* dy, float* w, in Epilogue epilogue, float* dx, Workers workers)
    {
        Check(shape);
        Run(vectors, shape, GatherAxis.AllBackward(shape.Height), GatherAxis.AllBackward(shape.Width), dy, w, epilogue, dx, workers);
    }

    private static void Check(in ConvolutionShape shape)
    {
        if (shape.Groups != shape.InChannels || shape.Groups != shape.OutChannels || !shape.Depth.IsIdentity || shape.Depth.Input != 1)
            throw new ArgumentException($"A depthwise convolution has one channel in and out a group and two spatial axes, and this one is {shape}.", nameof(shape));
        shape.Height.Validate(nameof(shape.Height));
        shape.Width.Validate(nameof(shape.Width));
    }

    private static void Run(
        VectorWidth vectors, in ConvolutionShape shape, GatherAxis[] rows, GatherAxis[] columns, float* x, float* w, in Epilogue epilogue, float* y, Workers workers)
    {
        switch (vectors)
        {
            case VectorWidth.Vector512: Run<Lane512, Vector512<float>>(shape, rows, columns, x, w, epilogue, y, workers); break;
            case VectorWidth.Vector256: Run<Lane256, Vector256<float>>(shape, rows, columns, x, w, epilogue, y, workers); break;
            case VectorWidth.Vector128: Run<Lane128, Vector128<float>>(shape, rows, columns, x, w, epilogue, y, workers); break;
            default: Run<LaneScalar, float>(shape, rows, columns, x, w, epilogue, y, workers); break;
        }
    }

    private static void Run<TLane, TVector>(
        in ConvolutionShape shape, GatherAxis[] rows, GatherAxis[] columns, float* x, float* w, Epilogue epilogue, float* y, Workers workers)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        int height = Total(rows), width = Total(columns), channels = shape.InChannels, kernelWidth = shape.Width.Kernel;
        if (width == 0 || channels == 0) return;
        long image = (long)rows[0].Inputs * columns[0].Inputs * channels;
        int minimum = (int)Math.Clamp(WorthAThread / (1L + (long)width * channels * rows[0].Taps * columns[0].Taps), 1, int.MaxValue);
        workers.Ranges(checked(shape.Batch * height), minimum, (from, to) =>
        {
            for (int r = from; r < to; r++)
            {
                int batch = Math.DivRem(r, height, out int h);
                Row<TLane, TVector>(rows[h % rows.Length], h / rows.Length, columns, channels, kernelWidth, x + batch * image, w, epilogue, y, (nint)r * width * channels);
            }
        });
    }

    /// <summary>One row of results, which is <paramref name="to"/> floats after the start of y.</summary>
    private static void Row<TLane, TVector>(
        in GatherAxis rows, int row, GatherAxis[] columns, int channels, int kernelWidth, float* x, float* w, in Epilogue epilogue, float* y, nint to)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        var (atRow, fromRow, toRow) = rows.TapsOf(row);
        nint inputRow = (nint)columns[0].Inputs * channels;
        for (int phase = 0; phase < columns.Length; phase++)
        {
            GatherAxis axis = columns[phase];
            var tile = new DepthwiseTile
            {
                Channels = channels,
                Rows = toRow - fromRow,
                RowStep = rows.TapStep * inputRow,
                RowWeights = (nint)rows.WeightStep * kernelWidth * channels,
                TapStep = (nint)axis.TapStep * channels,
                TapWeights = (nint)axis.WeightStep * channels,
                Step = (nint)axis.Step * channels,
                OutStep = (nint)columns.Length * channels,
                Epilogue = epilogue,
                Y = y,
            };
            float* input = x + (atRow + (nint)fromRow * rows.TapStep) * inputRow;
            float* weights = w + ((nint)(rows.Weight + fromRow * rows.WeightStep) * kernelWidth + axis.Weight) * channels;
            var (inside, outside) = axis.Inside();
            for (int j = 0; j < axis.Count;)
            {
                int some = j < inside || j >= outside ? 1 : outside - j >= 8 ? 8 : outside - j >= 4 ? 4 : 1;
                var (at, from, end) = some == 1 ? axis.TapsOf(j) : (axis.Start + j * axis.Step, 0, axis.Taps);
                tile.Taps = end - from;
                tile.X = input + (at + (nint)from * axis.TapStep) * channels;
                tile.Weights = weights + (nint)from * axis.WeightStep * channels;
                tile.To = to + (phase + (nint)j * columns.Length) * channels;
                switch (some)
                {
                    case 8 when axis is { Taps: 3 } && axis.Step == axis.TapStep: tile.Sliding3<TLane, TVector>(); break;
                    case 8 when axis is { Taps: 5 } && axis.Step == axis.TapStep: tile.Sliding5<TLane, TVector>(); break;
                    case 8 when axis is { Taps: 3 } && axis.Step == 2 * axis.TapStep: tile.Striding3<TLane, TVector>(); break;
                    case 8: tile.Eight<TLane, TVector>(); break;
                    case 4: tile.Four<TLane, TVector>(); break;
                    default: tile.One<TLane, TVector>(); break;
                }
                j += some;
            }
        }
    }

    private static int Total(GatherAxis[] phases)
    {
        int total = 0;
        foreach (GatherAxis phase in phases) total += phase.Count;
        return total;
    }
}
