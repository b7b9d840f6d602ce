using System.Runtime.CompilerServices;

namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>A few neighbouring results of a depthwise convolution, over all channels, the sums in registers.</summary>
/// <remarks>Every method computes the sum of a result in the same order: the taps in row-major order after the bias.</remarks>
internal unsafe struct DepthwiseTile
{
    public required int Channels { get; init; }

    /// <summary>The kernel's rows that fall on the input.</summary>
    public required int Rows { get; init; }

    /// <summary>Floats from a kernel row's input to that of the next, and from its weights to the next row's.</summary>
    public required nint RowStep { get; init; }

    public required nint RowWeights { get; init; }

    /// <summary>Floats from a tap's input to that of the next in the row, and from its weights to the next.</summary>
    public required nint TapStep { get; init; }

    public required nint TapWeights { get; init; }

    /// <summary>Floats from a result's input to the next result's.</summary>
    public required nint Step { get; init; }

    /// <summary>Floats from a result to the next.</summary>
    public required nint OutStep { get; init; }

    public required Epilogue Epilogue { get; init; }

    /// <summary>The whole output, which residual and gate are laid out as.</summary>
    public required float* Y { get; init; }

    /// <summary>Where in the output the first result is.</summary>
    public nint To { get; set; }

    /// <summary>The kernel's columns that fall on the input.</summary>
    public int Taps { get; set; }

    /// <summary>The input and the weights of the first tap.</summary>
    public float* X { get; set; }

    public float* Weights { get; set; }

    /// <summary>Eight results of three taps a row, each a column after the last: ten columns serve them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Sliding3<TLane, TVector>()
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        var finish = new Finish<TLane, TVector>(Epilogue);
        nint step = Step, to = To, rowStep = RowStep, rowWeights = RowWeights, tapWeights = TapWeights, outStep = OutStep;
        int channels = Channels, rows = Rows, c = 0;
        float* y = Y;
        for (; c <= channels - TLane.Width; c += TLane.Width)
        {
            TVector a0 = finish.Start(c), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
            float* row = X + c, w = Weights + c;
            for (int r = 0; r < rows; r++, row += rowStep, w += rowWeights)
            {
                TVector w0 = TLane.Load(w), w1 = TLane.Load(w + tapWeights), w2 = TLane.Load(w + 2 * tapWeights);
                float* x = row;
                TVector v = TLane.Load(x);
                a0 = TLane.MultiplyAdd(w0, v, a0);
                v = TLane.Load(x += step);
                a0 = TLane.MultiplyAdd(w1, v, a0);
                a1 = TLane.MultiplyAdd(w0, v, a1);
                v = TLane.Load(x += step);
                a0 = TLane.MultiplyAdd(w2, v, a0);
                a1 = TLane.MultiplyAdd(w1, v, a1);
                a2 = TLane.MultiplyAdd(w0, v, a2);
                v = TLane.Load(x += step);
                a1 = TLane.MultiplyAdd(w2, v, a1);
                a2 = TLane.MultiplyAdd(w1, v, a2);
                a3 = TLane.MultiplyAdd(w0, v, a3);
                v = TLane.Load(x += step);
                a2 = TLane.MultiplyAdd(w2, v, a2);
                a3 = TLane.MultiplyAdd(w1, v, a3);
                a4 = TLane.MultiplyAdd(w0, v, a4);
                v = TLane.Load(x += step);
                a3 = TLane.MultiplyAdd(w2, v, a3);
                a4 = TLane.MultiplyAdd(w1, v, a4);
                a5 = TLane.MultiplyAdd(w0, v, a5);
                v = TLane.Load(x += step);
                a4 = TLane.MultiplyAdd(w2, v, a4);
                a5 = TLane.MultiplyAdd(w1, v, a5);
                a6 = TLane.MultiplyAdd(w0, v, a6);
                v = TLane.Load(x += step);
                a5 = TLane.MultiplyAdd(w2, v, a5);
                a6 = TLane.MultiplyAdd(w1, v, a6);
                a7 = TLane.MultiplyAdd(w0, v, a7);
                v = TLane.Load(x += step);
                a6 = TLane.MultiplyAdd(w2, v, a6);
                a7 = TLane.MultiplyAdd(w1, v, a7);
                a7 = TLane.MultiplyAdd(w2, TLane.Load(x + step), a7);
            }
            nint at = to + c;
            finish.Store(a0, y, at);
            finish.Store(a1, y, at += outStep);
            finish.Store(a2, y, at += outStep);
            finish.Store(a3, y, at += outStep);
            finish.Store(a4, y, at += outStep);
            finish.Store(a5, y, at += outStep);
            finish.Store(a6, y, at += outStep);
            finish.Store(a7, y, at + outStep);
        }
        if (c < channels) Last<TLane, TVector>(finish, 8, c);
    }

    /// <summary>Eight results of five taps a row, each a column after the last: twelve columns serve them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Sliding5<TLane, TVector>()
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        var finish = new Finish<TLane, TVector>(Epilogue);
        nint step = Step, to = To, rowStep = RowStep, rowWeights = RowWeights, tapWeights = TapWeights, outStep = OutStep;
        int channels = Channels, rows = Rows, c = 0;
        float* y = Y;
        for (; c <= channels - TLane.Width; c += TLane.Width)
        {
            TVector a0 = finish.Start(c), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
            float* row = X + c, w = Weights + c;
            for (int r = 0; r < rows; r++, row += rowStep, w += rowWeights)
            {
                TVector w0 = TLane.Load(w), w1 = TLane.Load(w + tapWeights), w2 = TLane.Load(w + 2 * tapWeights);
                TVector w3 = TLane.Load(w + 3 * tapWeights), w4 = TLane.Load(w + 4 * tapWeights);
                float* x = row;
                TVector v = TLane.Load(x);
                a0 = TLane.MultiplyAdd(w0, v, a0);
                v = TLane.Load(x += step);
                a0 = TLane.MultiplyAdd(w1, v, a0);
                a1 = TLane.MultiplyAdd(w0, v, a1);
                v = TLane.Load(x += step);
                a0 = TLane.MultiplyAdd(w2, v, a0);
                a1 = TLane.MultiplyAdd(w1, v, a1);
                a2 = TLane.MultiplyAdd(w0, v, a2);
                v = TLane.Load(x += step);
                a0 = TLane.MultiplyAdd(w3, v, a0);
                a1 = TLane.MultiplyAdd(w2, v, a1);
                a2 = TLane.MultiplyAdd(w1, v, a2);
                a3 = TLane.MultiplyAdd(w0, v, a3);
                v = TLane.Load(x += step);
                a0 = TLane.MultiplyAdd(w4, v, a0);
                a1 = TLane.MultiplyAdd(w3, v, a1);
                a2 = TLane.MultiplyAdd(w2, v, a2);
                a3 = TLane.MultiplyAdd(w1, v, a3);
                a4 = TLane.MultiplyAdd(w0, v, a4);
                v = TLane.Load(x += step);
                a1 = TLane.MultiplyAdd(w4, v, a1);
                a2 = TLane.MultiplyAdd(w3, v, a2);
                a3 = TLane.MultiplyAdd(w2, v, a3);
                a4 = TLane.MultiplyAdd(w1, v, a4);
                a5 = TLane.MultiplyAdd(w0, v, a5);
                v = TLane.Load(x += step);
                a2 = TLane.MultiplyAdd(w4, v, a2);
                a3 = TLane.MultiplyAdd(w3, v, a3);
                a4 = TLane.MultiplyAdd(w2, v, a4);
                a5 = TLane.MultiplyAdd(w1, v, a5);
                a6 = TLane.MultiplyAdd(w0, v, a6);
                v = TLane.Load(x += step);
                a3 = TLane.MultiplyAdd(w4, v, a3);
                a4 = TLane.MultiplyAdd(w3, v, a4);
                a5 = TLane.MultiplyAdd(w2, v, a5);
                a6 = TLane.MultiplyAdd(w1, v, a6);
                a7 = TLane.MultiplyAdd(w0, v, a7);
                v = TLane.Load(x += step);
                a4 = TLane.MultiplyAdd(w4, v, a4);
                a5 = TLane.MultiplyAdd(w3, v, a5);
                a6 = TLane.MultiplyAdd(w2, v, a6);
                a7 = TLane.MultiplyAdd(w1, v, a7);
                v = TLane.Load(x += step);
                a5 = TLane.MultiplyAdd(w4, v, a5);
                a6 = TLane.MultiplyAdd(w3, v, a6);
                a7 = TLane.MultiplyAdd(w2, v, a7);
                v = TLane.Load(x += step);
                a6 = TLane.MultiplyAdd(w4, v, a6);
                a7 = TLane.MultiplyAdd(w3, v, a7);
                a7 = TLane.MultiplyAdd(w4, TLane.Load(x + step), a7);
            }
            nint at = to + c;
            finish.Store(a0, y, at);
            finish.Store(a1, y, at += outStep);
            finish.Store(a2, y, at += outStep);
            finish.Store(a3, y, at += outStep);
            finish.Store(a4, y, at += outStep);
            finish.Store(a5, y, at += outStep);
            finish.Store(a6, y, at += outStep);
            finish.Store(a7, y, at + outStep);
        }
        if (c < channels) Last<TLane, TVector>(finish, 8, c);
    }

    /// <summary>Eight results of three taps a row, each two columns after the last: seventeen columns serve them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Striding3<TLane, TVector>()
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        var finish = new Finish<TLane, TVector>(Epilogue);
        nint step = TapStep, to = To, rowStep = RowStep, rowWeights = RowWeights, tapWeights = TapWeights, outStep = OutStep;
        int channels = Channels, rows = Rows, c = 0;
        float* y = Y;
        for (; c <= channels - TLane.Width; c += TLane.Width)
        {
            TVector a0 = finish.Start(c), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
            float* row = X + c, w = Weights + c;
            for (int r = 0; r < rows; r++, row += rowStep, w += rowWeights)
            {
                TVector w0 = TLane.Load(w), w1 = TLane.Load(w + tapWeights), w2 = TLane.Load(w + 2 * tapWeights);
                float* x = row;
                a0 = TLane.MultiplyAdd(w0, TLane.Load(x), a0);
                a0 = TLane.MultiplyAdd(w1, TLane.Load(x += step), a0);
                TVector v = TLane.Load(x += step);
                a0 = TLane.MultiplyAdd(w2, v, a0);
                a1 = TLane.MultiplyAdd(w0, v, a1);
                a1 = TLane.MultiplyAdd(w1, TLane.Load(x += step), a1);
                v = TLane.Load(x += step);
                a1 = TLane.MultiplyAdd(w2, v, a1);
                a2 = TLane.MultiplyAdd(w0, v, a2);
                a2 = TLane.MultiplyAdd(w1, TLane.Load(x += step), a2);
                v = TLane.Load(x += step);
                a2 = TLane.MultiplyAdd(w2, v, a2);
                a3 = TLane.MultiplyAdd(w0, v, a3);
                a3 = TLane.MultiplyAdd(w1, TLane.Load(x += step), a3);
                v = TLane.Load(x += step);
                a3 = TLane.MultiplyAdd(w2, v, a3);
                a4 = TLane.MultiplyAdd(w0, v, a4);
                a4 = TLane.MultiplyAdd(w1, TLane.Load(x += step), a4);
                v = TLane.Load(x += step);
                a4 = TLane.MultiplyAdd(w2, v, a4);
                a5 = TLane.MultiplyAdd(w0, v, a5);
                a5 = TLane.MultiplyAdd(w1, TLane.Load(x += step), a5);
                v = TLane.Load(x += step);
                a5 = TLane.MultiplyAdd(w2, v, a5);
                a6 = TLane.MultiplyAdd(w0, v, a6);
                a6 = TLane.MultiplyAdd(w1, TLane.Load(x += step), a6);
                v = TLane.Load(x += step);
                a6 = TLane.MultiplyAdd(w2, v, a6);
                a7 = TLane.MultiplyAdd(w0, v, a7);
                a7 = TLane.MultiplyAdd(w1, TLane.Load(x += step), a7);
                a7 = TLane.MultiplyAdd(w2, TLane.Load(x + step), a7);
            }
            nint at = to + c;
            finish.Store(a0, y, at);
            finish.Store(a1, y, at += outStep);
            finish.Store(a2, y, at += outStep);
            finish.Store(a3, y, at += outStep);
            finish.Store(a4, y, at += outStep);
            finish.Store(a5, y, at += outStep);
            finish.Store(a6, y, at += outStep);
            finish.Store(a7, y, at + outStep);
        }
        if (c < channels) Last<TLane, TVector>(finish, 8, c);
    }

    /// <summary>Eight results of any taps.</summary>
    public readonly void Eight<TLane, TVector>()
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        DepthwiseTile second = this;
        second.X += 4 * Step;
        second.To += 4 * OutStep;
        Four<TLane, TVector>();
        second.Four<TLane, TVector>();
    }

    /// <summary>Four results of any taps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Four<TLane, TVector>()
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        var finish = new Finish<TLane, TVector>(Epilogue);
        nint second = Step, third = 2 * Step, fourth = 3 * Step, rowStep = RowStep, rowWeights = RowWeights, tapStep = TapStep, tapWeights = TapWeights;
        int channels = Channels, rows = Rows, taps = Taps, c = 0;
        for (; c <= channels - TLane.Width; c += TLane.Width)
        {
            TVector a0 = finish.Start(c), a1 = a0, a2 = a0, a3 = a0;
            float* row = X + c, weights = Weights + c;
            for (int r = 0; r < rows; r++, row += rowStep, weights += rowWeights)
            {
                float* x = row, w = weights;
                for (int t = 0; t < taps; t++, x += tapStep, w += tapWeights)
                {
                    TVector weight = TLane.Load(w);
                    a0 = TLane.MultiplyAdd(weight, TLane.Load(x), a0);
                    a1 = TLane.MultiplyAdd(weight, TLane.Load(x + second), a1);
                    a2 = TLane.MultiplyAdd(weight, TLane.Load(x + third), a2);
                    a3 = TLane.MultiplyAdd(weight, TLane.Load(x + fourth), a3);
                }
            }
            nint at = To + c;
            finish.Store(a0, Y, at);
            finish.Store(a1, Y, at + OutStep);
            finish.Store(a2, Y, at + 2 * OutStep);
            finish.Store(a3, Y, at + 3 * OutStep);
        }
        if (c < channels) Last<TLane, TVector>(finish, 4, c);
    }

    /// <summary>One result, of whatever taps fall on the input.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void One<TLane, TVector>()
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        var finish = new Finish<TLane, TVector>(Epilogue);
        nint rowStep = RowStep, rowWeights = RowWeights, tapStep = TapStep, tapWeights = TapWeights;
        int channels = Channels, rows = Rows, taps = Taps, c = 0;
        for (; c <= channels - TLane.Width; c += TLane.Width)
        {
            TVector sum = finish.Start(c);
            float* row = X + c, weights = Weights + c;
            for (int r = 0; r < rows; r++, row += rowStep, weights += rowWeights)
            {
                float* x = row, w = weights;
                for (int t = 0; t < taps; t++, x += tapStep, w += tapWeights) sum = TLane.MultiplyAdd(TLane.Load(w), TLane.Load(x), sum);
            }
            finish.Store(sum, Y, To + c);
        }
        if (c < channels) Last<TLane, TVector>(finish, 1, c);
    }

    /// <summary>The channels from <paramref name="c"/>, fewer than a vector has, of each result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Last<TLane, TVector>(in Finish<TLane, TVector> finish, int results, int c)
        where TLane : struct, ILane<TVector>
        where TVector : unmanaged
    {
        int count = Channels - c;
        for (int i = 0; i < results; i++)
        {
            TVector sum = finish.StartFirst(c, count);
            float* row = X + i * Step + c, weights = Weights + c;
            for (int r = 0; r < Rows; r++, row += RowStep, weights += RowWeights)
            {
                float* x = row, w = weights;
                for (int t = 0; t < Taps; t++, x += TapStep, w += TapWeights)
                    sum = TLane.MultiplyAdd(TLane.LoadFirst(w, count), TLane.LoadFirst(x, count), sum);
            }
            finish.StoreFirst(sum, Y, To + i * OutStep + c, count);
        }
    }
}
