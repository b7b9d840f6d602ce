using Limn.Gradients;

namespace Limn.Tests.Gradients;

public sealed class QuadratureTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(50)]
    [InlineData(200)]
    public void Gauss_legendre_integrates_polynomials_of_degree_2n_minus_1_exactly(int n)
    {
        var (nodes, weights) = QuadratureNodes.Of(Quadrature.GaussLegendre, n);
        foreach (int degree in new[] { 0, 1, 2 * n - 2, 2 * n - 1 })
        {
            double integral = nodes.Zip(weights).Sum(p => p.Second * Math.Pow(p.First, degree));
            Assert.Equal(1.0 / (degree + 1), integral, 12);
        }
        Assert.Equal(nodes.Order(), nodes);
    }

    [Fact]
    public void Trapezoid_weights_sum_to_one_and_captums_to_one_minus_one_nth()
    {
        var (nodes, weights) = QuadratureNodes.Of(Quadrature.RiemannTrapezoid, 4);
        Assert.Equal([0, 1.0 / 3, 2.0 / 3, 1], nodes.Select(v => Math.Round(v, 15)).Zip([0, 1.0 / 3, 2.0 / 3, 1.0]).Select(p => Math.Abs(p.First - p.Second) < 1e-12 ? p.Second : p.First));
        Assert.Equal(1, weights.Sum(), 12);
        Assert.Equal([1.0 / 8, 1.0 / 4, 1.0 / 4, 1.0 / 8], QuadratureNodes.Of(Quadrature.RiemannTrapezoidCaptum, 4).Weights);
    }

    [Theory]
    [InlineData(Quadrature.GaussLegendre, 0)]
    [InlineData(Quadrature.RiemannTrapezoid, 1)]
    [InlineData(Quadrature.RiemannLeft, -3)]
    public void Too_few_steps_are_refused(Quadrature rule, int steps) => Assert.Throws<InvalidOptionException>(() => QuadratureNodes.Of(rule, steps));
}
