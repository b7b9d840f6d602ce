using Rectifier = Limn.Engine.Kernels.ChannelsLast.Activation;

namespace Limn.Engine.Operators.Compiled;

/// <summary>What a step does to its results before it stores them: y = gate(activation(sum + bias + residual)). See <see cref="Kernels.ChannelsLast.Epilogue"/>.</summary>
internal sealed record Finishing
{
    public static Finishing None { get; } = new();

    /// <summary>A number to add for each channel; null for none.</summary>
    public float[]? Bias { get; init; }

    /// <summary>Whether a tensor is added.</summary>
    public bool Residual { get; init; }

    public Rectifier Activation { get; init; }

    public float Low { get; init; }

    public float High { get; init; }

    /// <summary>The interval in which the gate lets pass; null for no gate.</summary>
    public (float Low, float High)? Gate { get; init; }

    /// <summary>Nothing may come after an activation but a gate, and nothing after a gate.</summary>
    public bool TakesActivation => Activation == Rectifier.None && Gate is null;

    public bool TakesResidual => !Residual && TakesActivation;

    public bool TakesBias => Bias is null && TakesResidual;

    public bool TakesGate => Gate is null;
}
