using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>Max and average pooling, and their gradients, on tensors [N, H, W, C]: a vector holds neighbouring channels.</summary>
internal static unsafe partial class ChannelsLastPooling
{
    /// <summary>y = the maximum of each window.</summary>
    /// <remarks>A NaN in a window wins, padding never does, and a window without any input gives -infinity, as in <see cref="Pooling.Max"/>.</remarks>
    /// <param name="shape">The windows.</param>
    /// <param name="x">The input, [N, H, W, C].</param>
    /// <param name="y">The output, [N, oH, oW, C].</param>
    /// <param name="workers">The threads.</param>
    /// <exception cref="ArgumentException">A size is out of range.</exception>
    public static void Max(in PooledShape shape, float* x, float* y, Workers workers) => Max(VectorWidths.Best, shape, x, y, workers);

    public static void Max(VectorWidth vectors, in PooledShape shape, float* x, float* y, Workers workers)
    {
        switch (vectors)
        {
            case VectorWidth.Vector512: Max<Lane512, Vector512<float>>(shape, x, y, workers); break;
            case VectorWidth.Vector256: Max<Lane256, Vector256<float>>(shape, x, y, workers); break;
            case VectorWidth.Vector128: Max<Lane128, Vector128<float>>(shape, x, y, workers); break;
            default: Max<LaneScalar, float>(shape, x, y, workers); break;
        }
    }

    /// <summary>dx = epilogue(the gradient of <see cref="Max(in PooledShape, float*, float*, Workers)"/>): each dy goes to the first maximum of its window, in row-major order.</summary>
    /// <remarks>
    /// The maximum is the first tap that equals y, or the first that is NaN. Where windows overlap their gradients are added in the order of the outputs.
    /// A window without any input sends its gradient nowhere.
    /// </remarks>
    /// <param name="shape">The windows.</param>
    /// <param name="x">The input of the pooling.</param>
    /// <param name="y">Its output.</param>
    /// <param name="dy">The gradient of the output.</param>
    /// <param name="epilogue">What becomes of each sum; its tensors are laid out as dx, and none of them is dx.</param>
    /// <param name="dx">The gradient of the input.</param>
    /// <param name="workers">The threads.</param>
    /// <exception cref="ArgumentException">A size is out of range.</exception>
    public static void MaxGradient(in PooledShape shape, float* x, float* y, float* dy, in Epilogue epilogue, float* dx, Workers workers) =>
        MaxGradient(VectorWidths.Best, shape, x, y, dy, epilogue, dx, workers);

    public static void MaxGradient(VectorWidth vectors, in PooledShape shape, float* x, float* y, float* dy, in Epilogue epilogue, float* dx, Workers workers)
    {
        switch (vectors)
        {
            case VectorWidth.Vector512: MaxGradient<Lane512, Vector512<float>>(shape, x, y, dy, epilogue, dx, workers); break;
            case VectorWidth.Vector256: MaxGradient<Lane256, Vector256<float>>(shape, x, y, dy, epilogue, dx, workers); break;
            case VectorWidth.Vector128: MaxGradient<Lane128, Vector128<float>>(shape, x, y, dy, epilogue, dx, workers); break;
            default: MaxGradient<LaneScalar, float>(shape, x, y, dy, epilogue, dx, workers); break;
        }
    }

    private static void Max<TLane, TVector>(PooledShape shape, float* x, float* y, Workers workers)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        shape.Validate();
        if (shape.OutputLength == 0) return;
        int height = shape.Height.Output;
        GatherAxis columns = GatherAxis.Forward(shape.Width);
        var (inside, outside) = columns.Inside();
        workers.Ranges(checked(shape.Batch * height), shape.RowsPerThread(shape.Width.Output), (first, last) =>
        {
            for (int r = first; r < last; r++)
            {
                int batch = Math.DivRem(r, height, out int h);
                var (startH, fromH, toH) = shape.Height.Taps(h);
                float* row = x + ((nint)batch * shape.Height.Input + startH + (nint)fromH * shape.Height.Dilation) * shape.InputRow;
                float* to = y + r * shape.OutputRow;
                for (int j = 0; j < columns.Count;)
                {
                    int some = j >= inside && j + 4 <= outside ? 4 : 1;
                    var (at, from, end) = columns.TapsOf(j);
                    float* window = row + (at + (nint)from * columns.TapStep) * shape.Channels;
                    if (some == 4) FourMaxima<TLane, TVector>(shape, window, toH - fromH, to);
                    else OneMaximum<TLane, TVector>(shape, window, toH - fromH, end - from, to);
                    to += some * shape.Channels;
                    j += some;
                }
            }
        });
    }

    /// <summary>The maxima of four neighbouring windows, whose columns are all on the input.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourMaxima<TLane, TVector>(in PooledShape shape, float* window, int rows, float* y)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        int channels = shape.Channels, taps = shape.Width.Kernel, c = 0;
        nint tapStep = (nint)shape.Width.Dilation * channels, rowStep = shape.Height.Dilation * shape.InputRow;
        nint second = (nint)shape.Width.Stride * channels, third = 2 * second, fourth = 3 * second;
        for (; c <= channels - TLane.Width; c += TLane.Width)
        {
            TVector a = TLane.Broadcast(float.NegativeInfinity), b = a, d = a, e = a;
            float* row = window + c;
            for (int r = 0; r < rows; r++, row += rowStep)
            {
                float* x = row;
                for (int t = 0; t < taps; t++, x += tapStep)
                {
                    a = TLane.Greater(a, TLane.Load(x));
                    b = TLane.Greater(b, TLane.Load(x + second));
                    d = TLane.Greater(d, TLane.Load(x + third));
                    e = TLane.Greater(e, TLane.Load(x + fourth));
                }
            }
            float* to = y + c;
            TLane.Store(a, to);
            TLane.Store(b, to + channels);
            TLane.Store(d, to + 2 * (nint)channels);
            TLane.Store(e, to + 3 * (nint)channels);
        }
        for (int i = 0; i < 4 && c < channels; i++) LastMaxima<TLane, TVector>(shape, window + i * second, rows, taps, y + i * (nint)channels, c);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneMaximum<TLane, TVector>(in PooledShape shape, float* window, int rows, int taps, float* y)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        int channels = shape.Channels, c = 0;
        nint tapStep = (nint)shape.Width.Dilation * channels, rowStep = shape.Height.Dilation * shape.InputRow;
        for (; c <= channels - TLane.Width; c += TLane.Width)
        {
            TVector best = TLane.Broadcast(float.NegativeInfinity);
            float* row = window + c;
            for (int r = 0; r < rows; r++, row += rowStep)
            {
                float* x = row;
                for (int t = 0; t < taps; t++, x += tapStep) best = TLane.Greater(best, TLane.Load(x));
            }
            TLane.Store(best, y + c);
        }
        if (c < channels) LastMaxima<TLane, TVector>(shape, window, rows, taps, y, c);
    }

    /// <summary>The maxima of the channels from <paramref name="c"/>, fewer than a vector has.</summary>
    private static void LastMaxima<TLane, TVector>(in PooledShape shape, float* window, int rows, int taps, float* y, int c)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        int count = shape.Channels - c;
        nint tapStep = (nint)shape.Width.Dilation * shape.Channels, rowStep = shape.Height.Dilation * shape.InputRow;
        TVector best = TLane.Broadcast(float.NegativeInfinity);
        float* row = window + c;
        for (int r = 0; r < rows; r++, row += rowStep)
        {
            float* x = row;
            for (int t = 0; t < taps; t++, x += tapStep) best = TLane.Greater(best, TLane.LoadFirst(x, count));
        }
        TLane.StoreFirst(best, y + c, count);
    }

    private static void MaxGradient<TLane, TVector>(PooledShape shape, float* x, float* y, float* dy, Epilogue epilogue, float* dx, Workers workers)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        shape.Validate();
        if (shape.InputLength == 0) return;
        int height = shape.Height.Input;
        workers.Ranges(checked(shape.Batch * height), shape.RowsPerThread(shape.Width.Output), (first, last) =>
        {
            while (first < last)
            {
                int batch = Math.DivRem(first, height, out int from), to = Math.Min(height, from + last - first);
                nint input = (nint)batch * height * shape.InputRow, output = (nint)batch * shape.Height.Output * shape.OutputRow;
                GradientRows<TLane, TVector>(shape, from, to, x + input, y + output, dy + output, epilogue, dx, input);
                first += to - from;
            }
        });
    }

    /// <summary>The gradient of the rows [first, last) of an image, from every window that reaches into them.</summary>
    private static void GradientRows<TLane, TVector>(
        in PooledShape shape, int first, int last, float* x, float* y, float* dy, in Epilogue epilogue, float* dx, nint image)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        WindowAxis axis = shape.Height;
        GatherAxis columns = GatherAxis.Forward(shape.Width);
        int reach = (axis.Kernel - 1) * axis.Dilation, cleared = first, finished = first;
        int o = Math.Max(0, (first - reach + axis.PadBegin + axis.Stride - 1) / axis.Stride);
        for (; o < axis.Output && o * axis.Stride - axis.PadBegin < last; o++)
        {
            var (start, from, to) = axis.Taps(o);
            Clear(shape, ref cleared, Math.Min(last, start + reach + 1), dx + image);
            // Rows before the first are another thread's, which must be looked at all the same: the maximum may be there.
            while (to > from && start + (to - 1) * axis.Dilation >= last) to--;
            int mine = from;
            while (mine < to && start + mine * axis.Dilation < first) mine++;
            for (int j = 0; j < shape.Width.Output && mine < to; j++)
            {
                var (startW, fromW, toW) = columns.TapsOf(j);
                nint at = (start + (nint)from * axis.Dilation) * shape.InputRow + (startW + (nint)fromW * shape.Width.Dilation) * shape.Channels;
                nint result = o * shape.OutputRow + (nint)j * shape.Channels;
                Send<TLane, TVector>(shape, mine - from, to - from, toW - fromW, x + at, y + result, dy + result, dx + image + at);
            }
            int done = Math.Min(last, start + axis.Stride); // what no later window reaches
            Clear(shape, ref cleared, done, dx + image);
            Complete<TLane, TVector>(shape, ref finished, done, epilogue, dx, image);
        }
        Clear(shape, ref cleared, last, dx + image);
        Complete<TLane, TVector>(shape, ref finished, last, epilogue, dx, image);
    }

    private static void Clear(in PooledShape shape, ref int row, int to, float* dx)
    {
        for (; row < to; row++) new Span<float>(dx + row * shape.InputRow, (int)shape.InputRow).Clear();
    }

    private static void Complete<TLane, TVector>(in PooledShape shape, ref int row, int to, in Epilogue epilogue, float* dx, nint image)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        if (row >= to) return;
        if (epilogue is not { Bias: null, Residual: null, Gate: null, Activation: Activation.None })
            FinishPositions<TLane, TVector>(epilogue, shape.Channels, (nint)(to - row) * shape.Width.Input, dx, image + row * shape.InputRow);
        row = to;
    }

    /// <summary>Applies an epilogue to sums that are in memory.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FinishPositions<TLane, TVector>(in Epilogue epilogue, int channels, nint positions, float* y, nint at)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        var finish = new Finish<TLane, TVector>(epilogue);
        for (nint p = 0; p < positions; p++, at += channels)
        {
            int c = 0;
            for (; c <= channels - TLane.Width; c += TLane.Width) finish.Store(TLane.Add(finish.Start(c), TLane.Load(y + at + c)), y, at + c);
            int count = channels - c;
            if (count > 0) finish.StoreFirst(TLane.Add(finish.StartFirst(c, count), TLane.LoadFirst(y + at + c, count)), y, at + c, count);
        }
    }

    /// <summary>Adds the gradient of one result to the first maximum of its window, if that is in the rows from <paramref name="mine"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Send<TLane, TVector>(in PooledShape shape, int mine, int rows, int taps, float* x, float* y, float* dy, float* dx)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        int channels = shape.Channels, c = 0;
        nint tapStep = (nint)shape.Width.Dilation * channels, rowStep = shape.Height.Dilation * shape.InputRow;
        for (; c <= channels - TLane.Width; c += TLane.Width)
        {
            TVector sought = TLane.Load(y + c), left = TLane.Load(dy + c);
            nint row = c;
            int r = 0;
            for (; r < mine; r++, row += rowStep)
            {
                nint at = row;
                for (int t = 0; t < taps; t++, at += tapStep) TLane.Take(TLane.Load(x + at), sought, ref left);
            }
            for (; r < rows; r++, row += rowStep)
            {
                nint at = row;
                for (int t = 0; t < taps; t++, at += tapStep)
                    TLane.Store(TLane.Add(TLane.Load(dx + at), TLane.Take(TLane.Load(x + at), sought, ref left)), dx + at);
            }
        }
        if (c < channels) SendLast<TLane, TVector>(shape, mine, rows, taps, x, y, dy, dx, c);
    }

    /// <summary>The same for the channels from <paramref name="c"/>, fewer than a vector has.</summary>
    private static void SendLast<TLane, TVector>(in PooledShape shape, int mine, int rows, int taps, float* x, float* y, float* dy, float* dx, int c)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        int count = shape.Channels - c;
        nint tapStep = (nint)shape.Width.Dilation * shape.Channels, rowStep = shape.Height.Dilation * shape.InputRow, row = c;
        TVector sought = TLane.LoadFirst(y + c, count), left = TLane.LoadFirst(dy + c, count);
        for (int r = 0; r < rows; r++, row += rowStep)
        {
            nint at = row;
            for (int t = 0; t < taps; t++, at += tapStep)
            {
                TVector taken = TLane.Take(TLane.LoadFirst(x + at, count), sought, ref left);
                if (r >= mine) TLane.StoreFirst(TLane.Add(TLane.LoadFirst(dx + at, count), taken), dx + at, count);
            }
        }
    }
}
