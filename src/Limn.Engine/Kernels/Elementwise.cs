using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Limn.Engine.Kernels;

/// <summary>A function from an array to another of the same length, such as those of <see cref="TensorPrimitives"/>.</summary>
internal delegate void SpanFunction<T>(ReadOnlySpan<T> x, Span<T> y);

/// <summary>Functions of one element at a time. The result may be the argument itself; otherwise they must not overlap.</summary>
/// <remarks>NaN gives NaN in every function of floats. Arguments and results have the same length.</remarks>
internal static unsafe class Elementwise
{
    /// <summary>max(x, 0).</summary>
    public static void Relu(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Map(new ReluFunction(), x, y, workers, Chunks.Cheap);

    /// <summary>max(x, 0) of integers.</summary>
    public static void Relu(ReadOnlySpan<long> x, Span<long> y, Workers workers) => Clip(x, 0, long.MaxValue, y, workers);

    /// <summary>x for x ≥ 0, alpha·x below.</summary>
    public static void LeakyRelu(ReadOnlySpan<float> x, float alpha, Span<float> y, Workers workers) =>
        Map(new LeakyReluFunction(alpha), x, y, workers, Chunks.Cheap);

    /// <summary>x for x ≥ 0, alpha·(eˣ − 1) below.</summary>
    public static void Elu(ReadOnlySpan<float> x, float alpha, Span<float> y, Workers workers) =>
        Map(new EluFunction(1, alpha, 1), x, y, workers, Chunks.Dear);

    /// <summary>gamma·x for x ≥ 0, gamma·alpha·(eˣ − 1) below.</summary>
    public static void Selu(ReadOnlySpan<float> x, float alpha, float gamma, Span<float> y, Workers workers) =>
        Map(new EluFunction(gamma, alpha, 1), x, y, workers, Chunks.Dear);

    /// <summary>x for x ≥ 0, alpha·(e^(x/alpha) − 1) below; alpha must be positive.</summary>
    public static void Celu(ReadOnlySpan<float> x, float alpha, Span<float> y, Workers workers) =>
        Map(new EluFunction(1, alpha, 1 / alpha), x, y, workers, Chunks.Dear);

    /// <summary>1/(1 + e⁻ˣ).</summary>
    public static void Sigmoid(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Map(new SigmoidFunction(), x, y, workers, Chunks.Dear);

    /// <summary>min(max(alpha·x + beta, 0), 1).</summary>
    public static void HardSigmoid(ReadOnlySpan<float> x, float alpha, float beta, Span<float> y, Workers workers) =>
        Map(new HardSigmoidFunction(alpha, beta), x, y, workers, Chunks.Cheap);

    /// <summary>x·min(max(x/6 + 1/2, 0), 1).</summary>
    public static void HardSwish(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Map(new HardSwishFunction(), x, y, workers, Chunks.Cheap);

    public static void Tanh(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Map(new TanhFunction(), x, y, workers, Chunks.Dear);

    /// <summary>The error function, absolute error below 4·10⁻⁷.</summary>
    public static void Erf(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Map(new ErfFunction(), x, y, workers, Chunks.Dear);

    /// <summary>x/2·(1 + erf(x/√2)).</summary>
    public static void Gelu(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Map(new GeluFunction(), x, y, workers, Chunks.Dear);

    /// <summary>x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))).</summary>
    public static void GeluTanh(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Map(new GeluTanhFunction(), x, y, workers, Chunks.Dear);

    /// <summary>ln(1 + eˣ).</summary>
    public static void Softplus(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Map(new SoftplusFunction(), x, y, workers, Chunks.Dear);

    /// <summary>min(max(x, low), high); where low is above high, high.</summary>
    public static void Clip(ReadOnlySpan<float> x, float low, float high, Span<float> y, Workers workers) =>
        Map(new ClipFunction(low, high), x, y, workers, Chunks.Cheap);

    /// <inheritdoc cref="Clip(ReadOnlySpan{float}, float, float, Span{float}, Workers)"/>
    public static void Clip(ReadOnlySpan<long> x, long low, long high, Span<long> y, Workers workers) => MapSpans(x, y, workers, Chunks.Cheap, (a, b) =>
    {
        TensorPrimitives.Max(a, low, b);
        TensorPrimitives.Min(b, high, b);
    });

    /// <summary>−1, 0 or 1; ±0 stays as it is.</summary>
    public static void Sign(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Map(new SignFunction(), x, y, workers, Chunks.Cheap);

    /// <summary>−1, 0 or 1.</summary>
    public static void Sign(ReadOnlySpan<long> x, Span<long> y, Workers workers) => Clip(x, -1, 1, y, workers);

    /// <summary>1 where x > 0, else 0.</summary>
    public static void Step(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Map(new StepFunction(), x, y, workers, Chunks.Cheap);

    public static void Negate<T>(ReadOnlySpan<T> x, Span<T> y, Workers workers)
        where T : unmanaged, INumber<T> => MapSpans(x, y, workers, Chunks.Cheap, TensorPrimitives.Negate);

    /// <summary>|x|; the least integer, which has no opposite, stays as it is.</summary>
    public static void Abs(ReadOnlySpan<float> x, Span<float> y, Workers workers) => MapSpans(x, y, workers, Chunks.Cheap, TensorPrimitives.Abs);

    /// <inheritdoc cref="Abs(ReadOnlySpan{float}, Span{float}, Workers)"/>
    public static void Abs(ReadOnlySpan<long> x, Span<long> y, Workers workers) => MapSpans(x, y, workers, Chunks.Cheap, static (a, b) =>
    {
        for (int i = 0; i < b.Length; i++) b[i] = a[i] < 0 ? unchecked(-a[i]) : a[i];
    });

    /// <summary>√x; NaN below 0.</summary>
    public static void Sqrt(ReadOnlySpan<float> x, Span<float> y, Workers workers) => MapSpans(x, y, workers, Chunks.Cheap, TensorPrimitives.Sqrt);

    /// <summary>1/x, correctly rounded; ±∞ at ±0.</summary>
    public static void Reciprocal(ReadOnlySpan<float> x, Span<float> y, Workers workers) => MapSpans(x, y, workers, Chunks.Cheap, TensorPrimitives.Reciprocal);

    /// <summary>eˣ within 2 units in the last place.</summary>
    public static void Exp(ReadOnlySpan<float> x, Span<float> y, Workers workers) => Map(new ExpFunction(), x, y, workers, Chunks.Dear);

    /// <summary>ln x; −∞ at 0, NaN below.</summary>
    public static void Log(ReadOnlySpan<float> x, Span<float> y, Workers workers) => MapSpans(x, y, workers, Chunks.Dear, TensorPrimitives.Log);

    public static void Floor(ReadOnlySpan<float> x, Span<float> y, Workers workers) => MapSpans(x, y, workers, Chunks.Cheap, TensorPrimitives.Floor);

    public static void Ceiling(ReadOnlySpan<float> x, Span<float> y, Workers workers) => MapSpans(x, y, workers, Chunks.Cheap, TensorPrimitives.Ceiling);

    /// <summary>The nearest integer; halves go to the even one.</summary>
    public static void Round(ReadOnlySpan<float> x, Span<float> y, Workers workers) => MapSpans(x, y, workers, Chunks.Cheap, TensorPrimitives.Round);

    public static void Sin(ReadOnlySpan<float> x, Span<float> y, Workers workers) => MapSpans(x, y, workers, Chunks.Dear, TensorPrimitives.Sin);

    public static void Cos(ReadOnlySpan<float> x, Span<float> y, Workers workers) => MapSpans(x, y, workers, Chunks.Dear, TensorPrimitives.Cos);

    public static void Tan(ReadOnlySpan<float> x, Span<float> y, Workers workers) => MapSpans(x, y, workers, Chunks.Dear, TensorPrimitives.Tan);

    public static void Asin(ReadOnlySpan<float> x, Span<float> y, Workers workers) => MapSpans(x, y, workers, Chunks.Dear, TensorPrimitives.Asin);

    public static void Acos(ReadOnlySpan<float> x, Span<float> y, Workers workers) => MapSpans(x, y, workers, Chunks.Dear, TensorPrimitives.Acos);

    public static void Atan(ReadOnlySpan<float> x, Span<float> y, Workers workers) => MapSpans(x, y, workers, Chunks.Dear, TensorPrimitives.Atan);

    public static void Sinh(ReadOnlySpan<float> x, Span<float> y, Workers workers) => MapSpans(x, y, workers, Chunks.Dear, TensorPrimitives.Sinh);

    public static void Cosh(ReadOnlySpan<float> x, Span<float> y, Workers workers) => MapSpans(x, y, workers, Chunks.Dear, TensorPrimitives.Cosh);

    /// <summary>The opposite of each truth value.</summary>
    public static void Not(ReadOnlySpan<bool> x, Span<bool> y, Workers workers) => MapSpans(x, y, workers, Chunks.Cheap, static (a, b) =>
        TensorPrimitives.Xor(MemoryMarshal.Cast<bool, byte>(a), (byte)1, MemoryMarshal.Cast<bool, byte>(b)));

    /// <summary>1 where x is NaN.</summary>
    public static void IsNaN(ReadOnlySpan<float> x, Span<bool> y)
    {
        Dims.CheckSame(nameof(y), y.Length, x.Length);
        TensorPrimitives.IsNaN(x, y);
    }

    /// <summary>Applies a vector function to every element, in parallel where there are enough.</summary>
    public static void Map<TFunction>(TFunction function, ReadOnlySpan<float> x, Span<float> y, Workers workers, int minimum)
        where TFunction : struct, IVectorFunction
    {
        Dims.CheckSame(nameof(y), y.Length, x.Length);
        int length = x.Length;
        if (length <= minimum || workers.Count == 1)
        {
            Run(function, x, y);
            return;
        }
        fixed (float* px = x, py = y)
        {
            float* source = px, target = py;
            Chunks.For(workers, length, minimum, (from, to) => Run(function, new(source + from, to - from), new(target + from, to - from)));
        }
    }

    /// <summary>Applies a function of whole spans, in parallel where there are enough elements.</summary>
    public static void MapSpans<T>(ReadOnlySpan<T> x, Span<T> y, Workers workers, int minimum, SpanFunction<T> function)
        where T : unmanaged
    {
        Dims.CheckSame(nameof(y), y.Length, x.Length);
        fixed (T* px = x, py = y)
        {
            T* source = px, target = py;
            Chunks.For(workers, x.Length, minimum, (from, to) => function(new(source + from, to - from), new(target + from, to - from)));
        }
    }

    private static void Run<TFunction>(TFunction function, ReadOnlySpan<float> x, Span<float> y)
        where TFunction : struct, IVectorFunction
    {
        if (Vector512.IsHardwareAccelerated) Run<TFunction, Floats512>(function, x, y);
        else Run<TFunction, NativeFloats>(function, x, y);
    }

    /// <summary>The loop over whole vectors; the last elements pass through a padded vector, so that position never decides the bits.</summary>
    internal static void Run<TFunction, V>(TFunction function, ReadOnlySpan<float> x, Span<float> y)
        where TFunction : struct, IVectorFunction
        where V : struct, IFloats<V>
    {
        ref float source = ref MemoryMarshal.GetReference(x);
        ref float target = ref MemoryMarshal.GetReference(y);
        nuint i = 0, length = (nuint)x.Length, width = (nuint)V.Count;
        for (; i + width <= length; i += width) function.Invoke(V.Load(ref source, i)).Store(ref target, i);
        if (i == length) return;

        Span<float> padded = stackalloc float[V.Count];
        padded.Clear();
        x[(int)i..].CopyTo(padded);
        ref float tail = ref MemoryMarshal.GetReference(padded);
        function.Invoke(V.Load(ref tail, 0)).Store(ref tail, 0);
        padded[..(int)(length - i)].CopyTo(y[(int)i..]);
    }
}
