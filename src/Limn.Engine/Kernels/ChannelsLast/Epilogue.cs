namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>What becomes of a sum before it is stored, as a function of one number.</summary>
internal enum Activation
{
    None,

    /// <summary>max(x, 0); NaN stays NaN.</summary>
    Relu,

    /// <summary>min(max(x, low), high); NaN stays NaN.</summary>
    Clip,
}

/// <summary>
/// What a kernel does to each result before it stores it, while it is in a register: y = gate(activation(sum + bias + residual)).
/// </summary>
/// <remarks>Bias has one number a channel; residual and gate are laid out as the output. A gate lets a result pass where it lies in an interval and makes it 0 elsewhere: the way back through ReLU (from the least positive number on) and Clip.</remarks>
internal readonly unsafe struct Epilogue()
{
    /// <summary>A number to add for each channel; null for none.</summary>
    public float* Bias { get; init; }

    /// <summary>A tensor like the output, to be added; null for none. It may be the output itself.</summary>
    public float* Residual { get; init; }

    public Activation Activation { get; init; }

    /// <summary>The lower bound of <see cref="Activation.Clip"/>; −∞ for none.</summary>
    public float Low { get; init; }

    /// <summary>The upper bound of <see cref="Activation.Clip"/>; +∞ for none.</summary>
    public float High { get; init; }

    /// <summary>A tensor like the output; null for none. It lets pass where GateLow ≤ gate ≤ GateHigh.</summary>
    public float* Gate { get; init; }

    public float GateLow { get; init; } = float.Epsilon;

    public float GateHigh { get; init; } = float.PositiveInfinity;
}
