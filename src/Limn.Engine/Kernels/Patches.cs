using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Limn.Engine.Kernels;

/// <summary>
/// The patches of an input as a matrix that is never stored: row p is a tap of the window (channel, kD, kH, kW), column j an output
/// position, and the element is the input under that tap at that position.
/// </summary>
/// <remarks>
/// Element (p, j) is at <c>padded[tap[p] + position(j)]</c>, where <c>padded</c> is a copy of the input with its padding, and each row of it sorted
/// by column modulo the stride. Then a run of output positions in one row reads a run of the copy, whatever stride, dilation and
/// padding are, and packing is copying.
/// </remarks>
internal readonly unsafe struct Patches
{
    /// <summary>Floats that copying may write, and read, beyond the last one asked for.</summary>
    public const int Overrun = 16;

    private readonly WindowAxis depth, height, width;
    private readonly int extentD, extentH, phases, phaseLength;

    public Patches(in ConvolutionShape shape) : this(shape.Depth, shape.Height, shape.Width) { }

    public Patches(WindowAxis depth, WindowAxis height, WindowAxis width)
    {
        (this.depth, this.height, this.width) = (depth, height, width);
        (extentD, extentH) = (depth.Extent, height.Extent);
        // One tap in a row meets one phase only; the others need not be there.
        phases = width.Kernel == 1 ? 1 : Math.Min(width.Stride, width.Extent);
        phaseLength = (width.Extent + width.Stride - 1) / width.Stride;
        RowLength = (long)phases * phaseLength;
        ChannelLength = (long)extentD * extentH * RowLength;
    }

    private long RowLength { get; }

    /// <summary>Floats of one channel of the padded copy.</summary>
    public long ChannelLength { get; }

    /// <summary>Copies channels of the input, one after the other, with <paramref name="padding"/> around each.</summary>
    public void Pad(float* input, int channels, float* padded, float padding = 0)
    {
        for (int c = 0; c < channels; c++)
        {
            for (int d = 0; d < extentD; d++)
            {
                int inD = d - depth.PadBegin;
                for (int h = 0; h < extentH; h++, padded += RowLength)
                {
                    int inH = h - height.PadBegin;
                    if ((uint)inD >= (uint)depth.Input || (uint)inH >= (uint)height.Input)
                        new Span<float>(padded, (int)RowLength).Fill(padding);
                    else
                        PadRow(input + (((nint)c * depth.Input + inD) * height.Input + inH) * width.Input, padded, padding);
                }
            }
        }
    }

    private void PadRow(float* row, float* padded, float padding)
    {
        int stride = width.Stride;
        for (int phase = 0; phase < phases; phase++, padded += phaseLength)
        {
            var (first, from, to) = PhaseRange(phase);
            new Span<float>(padded, from).Fill(padding);
            if (stride == 1)
                new ReadOnlySpan<float>(row + from + first, to - from).CopyTo(new Span<float>(padded + from, to - from));
            else
                EveryOther(row + (nint)from * stride + first, stride, to - from, padded + from);
            new Span<float>(padded + to, phaseLength - to).Fill(padding);
        }
    }

    /// <summary>to[q] = from[q * stride].</summary>
    private static void EveryOther(float* from, int stride, int count, float* to)
    {
        int q = 0;
        if (stride == 2 && (Sse.IsSupported || AdvSimd.Arm64.IsSupported))
        {
            // The second load of a block reaches one element beyond the last that is asked for, so the last block goes one by one.
            for (; q < count - Vector128<float>.Count; q += Vector128<float>.Count, from += 2 * Vector128<float>.Count)
            {
                Vector128<float> low = Vector128.Load(from), high = Vector128.Load(from + Vector128<float>.Count);
                (Sse.IsSupported ? Sse.Shuffle(low, high, 0b10_00_10_00) : AdvSimd.Arm64.UnzipEven(low, high)).Store(to + q);
            }
        }
        for (; q < count; q++, from += stride) to[q] = *from;
    }

    /// <summary>Where the taps of the window read, for a window at 0: one offset a tap of each channel.</summary>
    public int[] TapOffsets(int channels)
    {
        int[] taps = new int[channels * depth.Kernel * height.Kernel * width.Kernel];
        int i = 0;
        for (int c = 0; c < channels; c++)
        {
            for (int d = 0; d < depth.Kernel; d++)
            {
                for (int h = 0; h < height.Kernel; h++)
                {
                    long row = c * ChannelLength + ((long)d * depth.Dilation * extentH + h * height.Dilation) * RowLength;
                    for (int w = 0; w < width.Kernel; w++)
                    {
                        int column = w * width.Dilation;
                        taps[i++] = checked((int)(row + column % width.Stride * phaseLength + column / width.Stride));
                    }
                }
            }
        }
        return taps;
    }

    /// <summary>Where the window at the start of an output row reads.</summary>
    public nint RowOffset(int outD, int outH) => (nint)(((long)outD * depth.Stride * extentH + (long)outH * height.Stride) * RowLength);

    /// <summary>Writes the patches of <paramref name="columns"/> output positions from <paramref name="j0"/>, one row a tap.</summary>
    public void Pack(float* padded, int* taps, int tapCount, int j0, int columns, float* to, nint step)
    {
        Run* runs = stackalloc Run[MostRuns(columns)];
        int count = Runs(j0, columns, runs);
        for (int p = 0; p < tapCount; p++, to += step)
        {
            float* source = padded + taps[p];
            for (int i = 0; i < count; i++) Copy(source + runs[i].From, to + runs[i].To, runs[i].Length);
        }
    }

    /// <summary>The adjoint of <see cref="Pack"/>: adds the patches to the padded copy they came from.</summary>
    public void Add(float* from, nint step, int* taps, int tapCount, int j0, int columns, float* padded)
    {
        Run* runs = stackalloc Run[MostRuns(columns)];
        int count = Runs(j0, columns, runs);
        for (int p = 0; p < tapCount; p++, from += step)
        {
            float* target = padded + taps[p];
            for (int i = 0; i < count; i++) Add(from + runs[i].To, target + runs[i].From, runs[i].Length);
        }
    }

    /// <summary>The adjoint of <see cref="Pad"/> for one channel: the input positions of a padded copy, and 0 where it has none.</summary>
    public void Unpad(float* padded, float* input)
    {
        new Span<float>(input, depth.Input * height.Input * width.Input).Clear();
        for (int d = 0; d < extentD; d++)
        {
            int inD = d - depth.PadBegin;
            for (int h = 0; h < extentH; h++, padded += RowLength)
            {
                int inH = h - height.PadBegin;
                if ((uint)inD >= (uint)depth.Input || (uint)inH >= (uint)height.Input) continue;
                float* row = input + ((nint)inD * height.Input + inH) * width.Input;
                for (int phase = 0; phase < phases; phase++)
                {
                    var (first, from, to) = PhaseRange(phase);
                    float* source = padded + (nint)phase * phaseLength;
                    for (int q = from; q < to; q++) row[q * width.Stride + first] = source[q];
                }
            }
        }
    }

    private int MostRuns(int columns) => Math.Min(columns, columns / width.Output + 2);

    /// <summary>Cuts output positions into runs that are contiguous in the padded copy.</summary>
    private int Runs(int j0, int columns, Run* runs)
    {
        int count = 0, row = Math.DivRem(j0, width.Output, out int column);
        for (int done = 0; done < columns; row++, column = 0)
        {
            int outD = Math.DivRem(row, height.Output, out int outH), length = Math.Min(columns - done, width.Output - column);
            nint from = RowOffset(outD, outH) + column;
            if (count > 0 && runs[count - 1].From + runs[count - 1].Length == from)
                runs[count - 1] = runs[count - 1] with { Length = runs[count - 1].Length + length };
            else
                runs[count++] = new Run(from, done, length);
            done += length;
        }
        return count;
    }

    /// <summary>Element q of a phase is the input at q * stride + First, for q in [From, To).</summary>
    private (int First, int From, int To) PhaseRange(int phase)
    {
        int first = phase - width.PadBegin, stride = width.Stride;
        int from = Math.Clamp(first >= 0 ? 0 : (-first + stride - 1) / stride, 0, phaseLength);
        return (first, from, Math.Clamp(first >= width.Input ? 0 : (width.Input - 1 - first) / stride + 1, from, phaseLength));
    }

    private static void Add(float* from, float* to, int length)
    {
        int i = 0;
        for (; Vector512.IsHardwareAccelerated && i <= length - Vector512<float>.Count; i += Vector512<float>.Count)
            (Vector512.Load(to + i) + Vector512.Load(from + i)).Store(to + i);
        for (; i <= length - Vector128<float>.Count; i += Vector128<float>.Count) (Vector128.Load(to + i) + Vector128.Load(from + i)).Store(to + i);
        for (; i < length; i++) to[i] += from[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy(float* from, float* to, int length)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            for (int i = 0; i < length; i += Vector512<float>.Count) Vector512.Load(from + i).Store(to + i);
        }
        else
        {
            for (int i = 0; i < length; i += Vector128<float>.Count) Vector128.Load(from + i).Store(to + i);
        }
    }

    private readonly record struct Run(nint From, int To, int Length);
}

/// <summary>The patches of one image and group as the right operand of a product.</summary>
internal readonly unsafe struct PatchOperand(Patches patches, float* padded, int* taps) : IRightOperand
{
    private readonly Patches patches = patches;
    private readonly float* padded = padded;
    private readonly int* taps = taps;

    public void Pack(float* to, int step, int p0, int depth, int j0, int columns) => patches.Pack(padded, taps + p0, depth, j0, columns, to, step);

    public float* InPlace(out nint step)
    {
        step = 0;
        return null;
    }
}

/// <summary>The transposed patches, output positions by taps, which the weight gradient multiplies dy by.</summary>
internal readonly unsafe struct TransposedPatchOperand(Patches patches, float* padded, int* taps) : IRightOperand
{
    private readonly Patches patches = patches;
    private readonly float* padded = padded;
    private readonly int* taps = taps;

    public void Pack(float* to, int step, int p0, int depth, int j0, int columns)
    {
        const int most = 3 * (int)VectorWidth.Vector512;
        const int rowStep = BlockedProduct.DepthBlock + Patches.Overrun;
        float* rows = stackalloc float[most * rowStep];
        patches.Pack(padded, taps + j0, columns, p0, depth, rows, rowStep);
        Transposing.Run(rows, rowStep, columns, depth, to, step);
    }

    public float* InPlace(out nint step)
    {
        step = 0;
        return null;
    }
}
