using Limn.Engine;

namespace Limn.Games;

/// <summary>A randomised Halton sequence: points that fill a cube of any dimension evenly, more evenly than random ones.</summary>
/// <remarks>
/// Coordinate j of point n is Σ_k π_jk(d_k) b^−k−1 with d_k the digits of n in base b, the j-th prime, and π_jk a random permutation of the digits for each place, as many places as a double
/// holds. Each coordinate is then uniform, and of the first b points each has its own b-th of the unit interval. A longer sequence begins with a shorter one.
/// Halton: On the Efficiency of Certain Quasi-Random Sequences of Points, 1960; Owen: A Randomized Halton Algorithm in R, 2017, section 3.
/// </remarks>
internal sealed class ScrambledHalton
{
    private const double Resolution = 1.0 / (1L << 50);

    private readonly int[][][] digits; // [dimension][place][digit]

    public ScrambledHalton(int dimensions, ulong seed)
    {
        digits = new int[dimensions][][];
        int j = 0;
        foreach (int b in Primes(dimensions))
        {
            var random = new CounterRandom(seed, (ulong)j);
            int places = (int)Math.Ceiling(50 / Math.Log2(b));
            digits[j++] = [.. Enumerable.Range(0, places).Select(k => random.Permutation(b, (ulong)k * (ulong)b))];
        }
    }

    /// <summary>A coordinate of a point; in [0, 1).</summary>
    public double this[int point, int dimension]
    {
        get
        {
            int[][] places = digits[dimension];
            int b = places[0].Length, rest = point;
            double sum = 0, unit = 1.0 / b;
            for (int k = 0; k < places.Length && unit >= Resolution; k++, unit /= b, rest /= b) sum += places[k][rest % b] * unit;
            return Math.Min(sum, 1 - Resolution);
        }
    }

    private static IEnumerable<int> Primes(int count)
    {
        List<int> found = [];
        for (int n = 2; found.Count < count; n++)
        {
            if (found.TakeWhile(p => p * p <= n).Any(p => n % p == 0)) continue;
            found.Add(n);
            yield return n;
        }
    }
}
