using Limn.Engine.Kernels;
using Limn.Engine.Kernels.ChannelsLast;

namespace Limn.Engine.Tests.Kernels.ChannelsLast;

/// <summary>Holds what a kernel makes of its sums against the formula of <see cref="Epilogue"/>.</summary>
internal static unsafe class Epilogues
{
    /// <summary>Floats around the result that the kernel must leave alone.</summary>
    private const int Guard = 20;

    private const float Untouched = 12345;

    public delegate void Kernel(in Epilogue epilogue, float* to);

    /// <summary>Runs the kernel with no epilogue or a random one, and compares.</summary>
    public static void Check(Random random, int channels, double[] sums, string what, Kernel kernel, double tolerance = 1)
    {
        bool hasBias = random.Next(2) == 0, hasResidual = random.Next(3) == 0, hasGate = random.Next(3) == 0;
        var activation = (Activation)random.Next(3);
        float[] bias = Numbers.Random(channels, 11), residual = Numbers.Random(sums.Length, 12), gate = Numbers.Random(sums.Length, 13), y = new float[sums.Length + 2 * Guard];
        Array.Fill(y, float.NaN);
        Array.Fill(y, Untouched, 0, Guard);
        Array.Fill(y, Untouched, y.Length - Guard, Guard);
        fixed (float* pb = bias, pr = residual, pg = gate, py = y)
        {
            kernel(new Epilogue { Bias = hasBias ? pb : null, Residual = hasResidual ? pr : null, Gate = hasGate ? pg : null, Activation = activation, Low = -0.3f, High = 0.6f }, py + Guard);
        }
        Assert.All(y[..Guard], v => Assert.Equal(Untouched, v));
        Assert.All(y[^Guard..], v => Assert.Equal(Untouched, v));
        for (int i = 0; i < sums.Length; i++)
        {
            double expected = sums[i] + (hasBias ? bias[i % channels] : 0) + (hasResidual ? residual[i] : 0);
            if (activation == Activation.Relu) expected = Math.Max(expected, 0);
            if (activation == Activation.Clip) expected = Math.Clamp(expected, -0.3f, 0.6f);
            if (hasGate && !(gate[i] > 0)) expected = 0;
            double error = Math.Abs(expected - y[Guard + i]);
            Assert.True(error <= 2e-5 * (1 + Math.Abs(sums[i])) * tolerance, $"{what} at {i}: {expected} expected, {y[Guard + i]} got ({activation}, bias {hasBias}, residual {hasResidual}, gate {hasGate})");
        }
    }
}
