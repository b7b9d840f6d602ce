namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>
/// How the results along one axis gather their inputs: result j reads input Start + j * Step + t * TapStep, times weight Weight + t * WeightStep, for each
/// tap t below Taps.
/// </summary>
/// <remarks>
/// A convolution is one such axis. The gradient of its input is one for each remainder of the input position by the stride: those with the same remainder meet
/// the same weights, at outputs that are one apart, so that the gradient is gathered too and no sum is ever added to from two sides.
/// </remarks>
internal readonly record struct GatherAxis(int Count, int Inputs, int Start, int Step, int Taps, int TapStep, int Weight, int WeightStep)
{
    /// <summary>The output of a window.</summary>
    public static GatherAxis Forward(in WindowAxis axis) =>
        new(axis.Output, axis.Input, -axis.PadBegin, axis.Stride, axis.Kernel, axis.Dilation, 0, 1);

    /// <summary>The gradients of the inputs <paramref name="phase"/>, <paramref name="phase"/> + stride, ... from those of the outputs.</summary>
    public static GatherAxis Backward(in WindowAxis axis, int phase)
    {
        // The window at o meets input i by tap k where o * stride = i + pad - k * dilation.
        int first = 0, common = GreatestCommonDivisor(axis.Stride, axis.Dilation), apart = axis.Stride / common;
        while (first < apart && (phase + (long)axis.PadBegin - (long)first * axis.Dilation) % axis.Stride != 0) first++;
        int taps = first < apart && first < axis.Kernel ? (axis.Kernel - 1 - first) / apart + 1 : 0;
        int count = phase < axis.Input ? (axis.Input - 1 - phase) / axis.Stride + 1 : 0;
        if (taps == 0) return new(count, axis.Output, 0, 1, 0, 1, 0, 1);
        // From the last tap to the first, so that the outputs come in ascending order.
        int last = first + (taps - 1) * apart;
        int start = (int)((phase + (long)axis.PadBegin - (long)last * axis.Dilation) / axis.Stride);
        return new(count, axis.Output, start, 1, taps, axis.Dilation / common, last, -apart);
    }

    /// <summary>The axes that together give every input its gradient: input i is result i / stride of axis i % stride.</summary>
    public static GatherAxis[] AllBackward(in WindowAxis axis)
    {
        var phases = new GatherAxis[axis.Stride];
        for (int p = 0; p < phases.Length; p++) phases[p] = Backward(axis, p);
        return phases;
    }

    /// <summary>The results [From, To) all of whose taps fall on the input.</summary>
    public (int From, int To) Inside()
    {
        if (Taps == 0) return (0, Count);
        int from = Start >= 0 ? 0 : (-Start + Step - 1) / Step;
        int last = Inputs - 1 - Start - (Taps - 1) * TapStep;
        int to = last < 0 ? 0 : Math.Min(Count, last / Step + 1);
        from = Math.Min(from, Count);
        return (from, Math.Max(from, to));
    }

    /// <summary>The taps [From, To) of result <paramref name="j"/> that fall on the input, and where tap 0 does.</summary>
    public (int At, int From, int To) TapsOf(int j)
    {
        int at = Start + j * Step;
        if (at >= 0 && at + (Taps - 1) * TapStep < Inputs) return (at, 0, Taps); // nearly always, and saves the divisions
        int from = at >= 0 ? 0 : Math.Min(Taps, (-at + TapStep - 1) / TapStep);
        int to = at >= Inputs ? 0 : Math.Min(Taps, (Inputs - 1 - at) / TapStep + 1);
        return (at, from, Math.Max(from, to));
    }

    private static int GreatestCommonDivisor(int a, int b)
    {
        while (b != 0) (a, b) = (b, a % b);
        return a;
    }
}
