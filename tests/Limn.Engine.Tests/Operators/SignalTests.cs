using System.Numerics;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Operators;

public class SignalTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    [InlineData(3)]
    [InlineData(12)]
    [InlineData(31)]
    public void The_transform_is_its_definition_at_any_length_and_the_inverse_undoes_it(int n)
    {
        var random = new Random(n);
        Complex[] x = [.. Enumerable.Range(0, n).Select(_ => new Complex(random.NextDouble() - 0.5, random.NextDouble() - 0.5))], y = [.. x];
        new FourierTransform(n, inverse: false).Run(y);
        for (int k = 0; k < n; k++)
        {
            Complex sum = Complex.Zero;
            for (int i = 0; i < n; i++) sum += x[i] * Complex.FromPolarCoordinates(1, -2 * Math.PI * k * i / n);
            Assert.True(Complex.Abs(sum - y[k]) < 1e-12, $"{sum} {y[k]}");
        }
        new FourierTransform(n, inverse: true).Run(y);
        for (int i = 0; i < n; i++) Assert.True(Complex.Abs(x[i] - y[i]) < 1e-12);
    }

    [Theory]
    [InlineData(false, false, 2, 0)]
    [InlineData(false, false, 1, 8)]
    [InlineData(false, true, 1, 0)]
    [InlineData(false, true, 1, 4)]
    [InlineData(true, false, 2, 3)]
    [InlineData(true, true, 2, 0)]
    [InlineData(true, true, 2, 7)]
    public void The_gradient_of_the_transform_agrees_with_differences(bool inverse, bool oneSided, int parts, int length) =>
        GradientCheck.Run((g, v) => g.Dft(v[0], 1, length, inverse, oneSided), [[2, 5, 2, parts]]);

    [Fact]
    public void A_real_signal_comes_back_from_its_half_spectrum()
    {
        NdArray x = GradientCheck.Random([3, 10, 1], -1, 1, 4);
        NdArray y = OperatorRunner.Run((g, v) => g.Dft(g.Dft(v[0], 1, oneSided: true), 1, inverse: true, oneSided: true), x);
        Assert.Equal([3, 10, 1], y.Dims.ToArray());
        for (int i = 0; i < x.Length; i++) Assert.Equal(x.Floats[i], y.Floats[i], 1e-6f);
    }

    [Fact]
    public void Axes_and_parts_that_do_not_exist_are_refused()
    {
        Assert.Throws<ShapeMismatchException>(() => OperatorRunner.Run((g, v) => g.Dft(v[0], 1), new NdArray(new float[4], 2, 2)));
        Assert.Throws<ShapeMismatchException>(() => OperatorRunner.Run((g, v) => g.Dft(v[0], 0), new NdArray(new float[6], 2, 3)));
    }
}
