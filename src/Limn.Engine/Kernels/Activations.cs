namespace Limn.Engine.Kernels;

/// <summary>A function of one vector, element by element. Instances hold the function's parameters.</summary>
internal interface IVectorFunction
{
    V Invoke<V>(V x)
        where V : struct, IFloats<V>;
}

/// <summary>max(x, 0); NaN stays NaN.</summary>
internal readonly struct ReluFunction : IVectorFunction
{
    public V Invoke<V>(V x)
        where V : struct, IFloats<V> => V.Select(V.Less(x, V.Create(0)), V.Create(0), x);
}

/// <summary>x for x ≥ 0, alpha·x below.</summary>
internal readonly struct LeakyReluFunction(float alpha) : IVectorFunction
{
    public V Invoke<V>(V x)
        where V : struct, IFloats<V> => V.Select(V.Less(x, V.Create(0)), x * V.Create(alpha), x);
}

/// <summary>scale·x for x ≥ 0, scale·alpha·(e^(x·rate) − 1) below: ELU, SELU and CELU.</summary>
internal readonly struct EluFunction(float scale, float alpha, float rate) : IVectorFunction
{
    public V Invoke<V>(V x)
        where V : struct, IFloats<V>
    {
        V below = VectorMath.ExpM1OfNegative(V.Min(V.Create(0), x * V.Create(rate))) * V.Create(scale * alpha);
        return V.Select(V.Less(x, V.Create(0)), below, x * V.Create(scale));
    }
}

internal readonly struct SigmoidFunction : IVectorFunction
{
    public V Invoke<V>(V x)
        where V : struct, IFloats<V> => VectorMath.Sigmoid(x);
}

/// <summary>min(max(alpha·x + beta, 0), 1).</summary>
internal readonly struct HardSigmoidFunction(float alpha, float beta) : IVectorFunction
{
    public V Invoke<V>(V x)
        where V : struct, IFloats<V> => new ClipFunction(0, 1).Invoke(x * V.Create(alpha) + V.Create(beta));
}

/// <summary>x·min(max(x/6 + 1/2, 0), 1); −∞ gives NaN (0·∞), as the formula has it.</summary>
internal readonly struct HardSwishFunction : IVectorFunction
{
    public V Invoke<V>(V x)
        where V : struct, IFloats<V> => x * new HardSigmoidFunction(1f / 6, 0.5f).Invoke(x);
}

/// <summary>min(max(x, low), high): where low is above high, high; NaN stays NaN.</summary>
internal readonly struct ClipFunction(float low, float high) : IVectorFunction
{
    public V Invoke<V>(V x)
        where V : struct, IFloats<V>
    {
        V bottom = V.Create(low), top = V.Create(high);
        x = V.Select(V.Less(x, bottom), bottom, x);
        return V.Select(V.Less(top, x), top, x);
    }
}

internal readonly struct TanhFunction : IVectorFunction
{
    public V Invoke<V>(V x)
        where V : struct, IFloats<V> => VectorMath.Tanh(x);
}

internal readonly struct ErfFunction : IVectorFunction
{
    public V Invoke<V>(V x)
        where V : struct, IFloats<V> => VectorMath.Erf(x);
}

internal readonly struct ExpFunction : IVectorFunction
{
    public V Invoke<V>(V x)
        where V : struct, IFloats<V> => VectorMath.Exp(x);
}

/// <summary>x/2·(1 + erf(x/√2)); −∞ gives NaN (0·∞), as in PyTorch.</summary>
internal readonly struct GeluFunction : IVectorFunction
{
    public V Invoke<V>(V x)
        where V : struct, IFloats<V> => x * V.Create(0.5f) * (V.Create(1) + VectorMath.Erf(x * V.Create(0.707106781f)));
}

/// <summary>x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))).</summary>
internal readonly struct GeluTanhFunction : IVectorFunction
{
    public V Invoke<V>(V x)
        where V : struct, IFloats<V>
        => x * V.Create(0.5f) * (V.Create(1) + VectorMath.Tanh(V.Create(0.797884561f) * (x + V.Create(0.044715f) * (x * x * x))));
}

/// <summary>ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|), which neither overflows nor cancels.</summary>
internal readonly struct SoftplusFunction : IVectorFunction
{
    public V Invoke<V>(V x)
        where V : struct, IFloats<V> => new ReluFunction().Invoke(x) + VectorMath.Log1P(VectorMath.Exp(V.Create(0) - V.Abs(x)));
}

/// <summary>−1, 0 or 1 by the sign of x; ±0 and NaN stay as they are.</summary>
internal readonly struct SignFunction : IVectorFunction
{
    public V Invoke<V>(V x)
        where V : struct, IFloats<V>
    {
        V nonzero = V.CopySign(V.Create(1), x);
        return V.Select(V.Less(V.Create(0), V.Abs(x)), nonzero, x);
    }
}

/// <summary>1 where x > 0, else 0: the derivative of the rectifier, 0 at 0. NaN stays NaN.</summary>
internal readonly struct StepFunction : IVectorFunction
{
    public V Invoke<V>(V x)
        where V : struct, IFloats<V>
    {
        V step = V.Select(V.Less(V.Create(0), x), V.Create(1), V.Create(0));
        return V.Select(V.Equal(x, x), step, x);
    }
}
