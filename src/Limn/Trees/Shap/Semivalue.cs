namespace Limn.Trees.Shap;

/// <summary>How the marginal contributions of a player to coalitions are weighted.</summary>
public enum Semivalue
{
    /// <summary>Every order of arrival counts the same: a coalition of s among d players has the weight s! (d − s − 1)! / d!. Values add up to the output.</summary>
    Shapley,

    /// <summary>Every coalition counts the same: 1 / 2ᵈ⁻¹. Values do not add up.</summary>
    Banzhaf,
}

internal static class Semivalues
{
    /// <summary>[sizes] The weight of a coalition by its size: of those without one of d players, or without both of a pair.</summary>
    public static double[] Weights(this Semivalue semivalue, int players, bool pair)
    {
        int others = players - (pair ? 2 : 1);
        if (others < 0) return [];
        var weights = new double[others + 1];
        // Shapley: s! (n - s)! / (n + 1)! = 1 / ((n + 1) C(n, s)) for n others.
        double binomial = 1;
        for (int s = 0; s <= others; s++)
        {
            weights[s] = semivalue == Semivalue.Shapley ? 1 / ((others + 1) * binomial) : Math.ScaleB(1, -others);
            binomial = binomial * (others - s) / (s + 1);
        }
        return weights;
    }

    /// <summary>
    /// The nodes t and weights at which the multilinear extension of a game of d players, in which every player is present with probability t, is differentiated:
    /// Shapley's value is the integral over t, of which Gauss-Legendre quadrature with ⌈d / 2⌉ nodes is exact; Banzhaf's is the derivative at ½.
    /// </summary>
    public static (double[] Nodes, double[] Weights) Nodes(this Semivalue semivalue, int players) => semivalue == Semivalue.Shapley
        ? Gradients.QuadratureNodes.Of(Gradients.Quadrature.GaussLegendre, Math.Max(1, (players + 1) / 2))
        : ([0.5], [1]);
}
