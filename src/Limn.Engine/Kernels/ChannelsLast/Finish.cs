using System.Runtime.CompilerServices;

namespace Limn.Engine.Kernels.ChannelsLast;

/// <summary>An <see cref="Epilogue"/> on vectors. Every activation is written as bounds, which leaves no branch but those for further tensors.</summary>
internal readonly unsafe ref struct Finish<TLane, TVector>
    where TLane : struct, ILane<TVector>
    where TVector : unmanaged
{
    private readonly float* bias, residual, gate;
    private readonly TVector low, high, gateLow, gateHigh;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Finish(in Epilogue epilogue)
    {
        bias = epilogue.Bias;
        residual = epilogue.Residual;
        gate = epilogue.Gate;
        gateLow = TLane.Broadcast(epilogue.GateLow);
        gateHigh = TLane.Broadcast(epilogue.GateHigh);
        low = TLane.Broadcast(epilogue.Activation switch { Activation.None => float.NegativeInfinity, Activation.Relu => 0, _ => epilogue.Low });
        high = TLane.Broadcast(epilogue.Activation == Activation.Clip ? epilogue.High : float.PositiveInfinity);
    }

    /// <summary>What a sum starts with.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Start(int channel) => bias == null ? default : TLane.Load(bias + channel);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector StartFirst(int channel, int count) => bias == null ? default : TLane.LoadFirst(bias + channel, count);

    /// <summary>Stores what becomes of a sum that began with <see cref="Start"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(TVector sum, float* y, nint at)
    {
        if (residual != null) sum = TLane.Add(sum, TLane.Load(residual + at));
        sum = TLane.Clip(sum, low, high);
        if (gate != null) sum = TLane.Gate(sum, TLane.Load(gate + at), gateLow, gateHigh);
        TLane.Store(sum, y + at);
    }

    /// <summary>The same for the first of the channels of a vector.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void StoreFirst(TVector sum, float* y, nint at, int count)
    {
        if (residual != null) sum = TLane.Add(sum, TLane.LoadFirst(residual + at, count));
        sum = TLane.Clip(sum, low, high);
        if (gate != null) sum = TLane.Gate(sum, TLane.LoadFirst(gate + at, count), gateLow, gateHigh);
        TLane.StoreFirst(sum, y + at, count);
    }
}
