using System.Numerics;

namespace Limn.Engine.Kernels;

/// <summary>A function of one vector, element by element. Instances hold the function's parameters.</summary>
internal interface IVectorFunction
{
    Vector<float> Invoke(Vector<float> x);
}

/// <summary>max(x, 0); NaN stays NaN.</summary>
internal readonly struct ReluFunction : IVectorFunction
{
    public Vector<float> Invoke(Vector<float> x) => Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), Vector<float>.Zero, x);
}

/// <summary>x for x ≥ 0, alpha·x below.</summary>
internal readonly struct LeakyReluFunction(float alpha) : IVectorFunction
{
    public Vector<float> Invoke(Vector<float> x) => Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), x * alpha, x);
}

/// <summary>scale·x for x ≥ 0, scale·alpha·(e^(x·rate) − 1) below: ELU, SELU and CELU.</summary>
internal readonly struct EluFunction(float scale, float alpha, float rate) : IVectorFunction
{
    public Vector<float> Invoke(Vector<float> x)
    {
        Vector<float> below = VectorMath.ExpM1OfNegative(Vector.MinNative(x * rate, Vector<float>.Zero)) * (scale * alpha);
        return Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), below, x * scale);
    }
}

internal readonly struct SigmoidFunction : IVectorFunction
{
    public Vector<float> Invoke(Vector<float> x) => VectorMath.Sigmoid(x);
}

/// <summary>min(max(alpha·x + beta, 0), 1).</summary>
internal readonly struct HardSigmoidFunction(float alpha, float beta) : IVectorFunction
{
    public Vector<float> Invoke(Vector<float> x) => new ClipFunction(0, 1).Invoke(x * alpha + Vector.Create(beta));
}

/// <summary>x·min(max(x/6 + 1/2, 0), 1); −∞ gives NaN (0·∞), as the formula has it.</summary>
internal readonly struct HardSwishFunction : IVectorFunction
{
    public Vector<float> Invoke(Vector<float> x) => x * new HardSigmoidFunction(1f / 6, 0.5f).Invoke(x);
}

/// <summary>min(max(x, low), high): where low is above high, high; NaN stays NaN.</summary>
internal readonly struct ClipFunction(float low, float high) : IVectorFunction
{
    public Vector<float> Invoke(Vector<float> x)
    {
        Vector<float> bottom = Vector.Create(low), top = Vector.Create(high);
        x = Vector.ConditionalSelect(Vector.LessThan(x, bottom), bottom, x);
        return Vector.ConditionalSelect(Vector.GreaterThan(x, top), top, x);
    }
}

internal readonly struct TanhFunction : IVectorFunction
{
    public Vector<float> Invoke(Vector<float> x) => VectorMath.Tanh(x);
}

internal readonly struct ErfFunction : IVectorFunction
{
    public Vector<float> Invoke(Vector<float> x) => VectorMath.Erf(x);
}

internal readonly struct ExpFunction : IVectorFunction
{
    public Vector<float> Invoke(Vector<float> x) => VectorMath.Exp(x);
}

/// <summary>x/2·(1 + erf(x/√2)); −∞ gives NaN (0·∞), as in PyTorch.</summary>
internal readonly struct GeluFunction : IVectorFunction
{
    public Vector<float> Invoke(Vector<float> x) => x * 0.5f * (Vector<float>.One + VectorMath.Erf(x * 0.707106781f));
}

/// <summary>x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))).</summary>
internal readonly struct GeluTanhFunction : IVectorFunction
{
    public Vector<float> Invoke(Vector<float> x) =>
        x * 0.5f * (Vector<float>.One + VectorMath.Tanh(0.797884561f * (x + 0.044715f * (x * x * x))));
}

/// <summary>ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|), which neither overflows nor cancels.</summary>
internal readonly struct SoftplusFunction : IVectorFunction
{
    public Vector<float> Invoke(Vector<float> x) =>
        new ReluFunction().Invoke(x) + VectorMath.Log1P(VectorMath.Exp(-Vector.Abs(x)));
}

/// <summary>−1, 0 or 1 by the sign of x; ±0 and NaN stay as they are.</summary>
internal readonly struct SignFunction : IVectorFunction
{
    public Vector<float> Invoke(Vector<float> x)
    {
        Vector<float> nonzero = Vector.CopySign(Vector<float>.One, x);
        return Vector.ConditionalSelect(Vector.BitwiseOr(Vector.LessThan(x, Vector<float>.Zero), Vector.GreaterThan(x, Vector<float>.Zero)).As<int, float>(), nonzero, x);
    }
}

/// <summary>1 where x > 0, else 0: the derivative of the rectifier, 0 at 0. NaN stays NaN.</summary>
internal readonly struct StepFunction : IVectorFunction
{
    public Vector<float> Invoke(Vector<float> x)
    {
        Vector<float> step = Vector.ConditionalSelect(Vector.GreaterThan(x, Vector<float>.Zero), Vector<float>.One, Vector<float>.Zero);
        return Vector.ConditionalSelect(Vector.Equals(x, x), step, x);
    }
}
