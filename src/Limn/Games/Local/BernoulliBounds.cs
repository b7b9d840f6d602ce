namespace Limn.Games.Local;

/// <summary>Confidence bounds of a share by its Kullback-Leibler divergence from the share that was seen.</summary>
/// <remarks>Kaufmann, Kalyanakrishnan: Information Complexity in Bandit Subset Selection, COLT 2013, section 4.1.</remarks>
internal static class BernoulliBounds
{
    private const int Halvings = 48;

    /// <summary>p ln(p/q) + (1 − p) ln((1 − p)/(1 − q)), with 0 ln 0 = 0.</summary>
    public static double Divergence(double p, double q)
    {
        static double Part(double a, double b) => a == 0 ? 0 : b == 0 ? double.PositiveInfinity : a * Math.Log(a / b);
        return Part(p, q) + Part(1 - p, 1 - q);
    }

    /// <summary>The largest q with a divergence of at most <paramref name="level"/>.</summary>
    public static double Upper(double p, double level) => Search(p, p, 1, level);

    /// <summary>The smallest.</summary>
    public static double Lower(double p, double level) => Search(p, p, 0, level);

    /// <summary>How certain a bandit of so many arms must be in round t so that all rounds together err with probability δ at most: β = ln(k n t^α / δ) + ln ln(k n t^α / δ).</summary>
    public static double Exploration(int arms, int round, double delta)
    {
        const double Alpha = 1.1, K = 405.5;
        double certain = Math.Log(K * arms * Math.Pow(round, Alpha) / delta);
        return certain + Math.Log(certain);
    }

    private static double Search(double p, double inside, double outside, double level)
    {
        if (Divergence(p, outside) <= level) return outside;
        for (int i = 0; i < Halvings; i++)
        {
            double middle = (inside + outside) / 2;
            if (Divergence(p, middle) <= level) inside = middle;
            else outside = middle;
        }
        return inside;
    }
}
