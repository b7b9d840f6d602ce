namespace Limn.Gradients;

/// <summary>A rule for integrating over [0, 1].</summary>
public enum Quadrature
{
    /// <summary>Exact for polynomials of degree 2n - 1.</summary>
    GaussLegendre,

    /// <summary>Nodes i/n, weights 1/n.</summary>
    RiemannLeft,

    /// <summary>Nodes (i+1)/n, weights 1/n.</summary>
    RiemannRight,

    /// <summary>Nodes (i+½)/n, weights 1/n.</summary>
    RiemannMiddle,

    /// <summary>Nodes i/(n-1), weights 1/(n-1), half of that at the ends: the textbook's trapezoid, whose weights sum to one.</summary>
    RiemannTrapezoid,

    /// <summary>Captum's trapezoid: the same nodes with weights 1/n, half of that at the ends. They sum to 1 - 1/n, so even a linear model is under-attributed.</summary>
    RiemannTrapezoidCaptum,
}

/// <summary>Nodes and weights of quadrature rules.</summary>
public static class QuadratureNodes
{
    /// <summary>The nodes αₖ and weights wₖ such that ∫₀¹ f(α) dα ≈ Σ wₖ f(αₖ).</summary>
    /// <exception cref="InvalidOptionException">The number of nodes is too small for the rule.</exception>
    public static (double[] Nodes, double[] Weights) Of(Quadrature rule, int steps)
    {
        int least = rule is Quadrature.RiemannTrapezoid or Quadrature.RiemannTrapezoidCaptum ? 2 : 1;
        if (steps < least) throw new InvalidOptionException($"The quadrature {OptionText.Kebab(rule.ToString())} needs at least {least} steps, and {steps} were asked for.");
        if (rule == Quadrature.GaussLegendre) return GaussLegendre(steps);
        var nodes = new double[steps];
        var weights = new double[steps];
        for (int i = 0; i < steps; i++)
        {
            nodes[i] = rule switch
            {
                Quadrature.RiemannLeft => (double)i / steps,
                Quadrature.RiemannRight => (i + 1.0) / steps,
                Quadrature.RiemannMiddle => (i + 0.5) / steps,
                _ => (double)i / (steps - 1),
            };
            bool end = i == 0 || i == steps - 1;
            weights[i] = rule switch
            {
                Quadrature.RiemannTrapezoid => (end ? 0.5 : 1) / (steps - 1),
                Quadrature.RiemannTrapezoidCaptum => (end ? 0.5 : 1) / steps,
                _ => 1.0 / steps,
            };
        }
        return (nodes, weights);
    }

    /// <summary>
    /// The roots of the Legendre polynomial P_n by Newton's method from Chebyshev-like starting points, mapped from [-1, 1] to [0, 1];
    /// weights 2 / ((1 - x²) P'_n(x)²), halved.
    /// </summary>
    private static (double[], double[]) GaussLegendre(int n)
    {
        var nodes = new double[n];
        var weights = new double[n];
        for (int i = 0; i < n; i++)
        {
            double x = Math.Cos(Math.PI * (i + 0.75) / (n + 0.5)), derivative = 0;
            for (int iteration = 0; iteration < 100; iteration++)
            {
                double previous = 1, current = x;
                for (int k = 2; k <= n; k++) (previous, current) = (current, ((2 * k - 1) * x * current - (k - 1) * previous) / k);
                derivative = n * (x * current - previous) / (x * x - 1);
                double step = current / derivative;
                x -= step;
                if (Math.Abs(step) < 1e-15) break;
            }
            nodes[n - 1 - i] = 0.5 * (1 + x);
            weights[n - 1 - i] = 1 / ((1 - x * x) * derivative * derivative);
        }
        return (nodes, weights);
    }
}
