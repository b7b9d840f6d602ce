namespace Limn.Games;

/// <summary>Widens each cell of a mask to a blob of a given size: a smooth maximum over its neighbours, weighted by their distance.</summary>
/// <remarks>
/// s_c = Σ_n softmax(T v)_n v_n, v_n = k(‖n − c‖ / σ) p_n, k(z) = exp(−2 max(0, z − ½)²), T = 20; beyond the edge p is zero.
/// Fong, Patrick, Vedaldi: Understanding Deep Networks via Extremal Perturbations and Smooth Masks, ICCV 2019, section 3.2 and eq. 7.
/// </remarks>
internal sealed class SmoothMaximum
{
    private const double Coldness = 20;

    private readonly int rows, columns;
    private readonly (int Down, int Right, double Weight)[] around;
    private readonly double[] powers;

    /// <param name="cells">The size of the mask.</param>
    /// <param name="sigma">The blobs' size in cells.</param>
    public SmoothMaximum((int Rows, int Columns) cells, double sigma)
    {
        (rows, columns) = cells;
        int reach = 1 + (int)Math.Ceiling(sigma);
        int[] reaches = [.. Enumerable.Range(-reach, 2 * reach + 1)];
        around = [.. reaches.SelectMany(d => reaches.Select(r => (d, r, Math.Exp(-2 * Math.Pow(Math.Max(0, Math.Sqrt(d * d + r * r) / sigma - 0.5), 2)))))];
        powers = new double[around.Length];
    }

    public void Widen(ReadOnlySpan<float> mask, Span<float> wide)
    {
        for (int c = 0; c < wide.Length; c++) wide[c] = (float)Of(mask, c, out _);
    }

    /// <summary>From the gradient at the widened mask to that at the mask.</summary>
    public void Back(ReadOnlySpan<float> mask, ReadOnlySpan<float> upstream, Span<float> gradient)
    {
        gradient.Clear();
        for (int c = 0; c < upstream.Length; c++)
        {
            if (upstream[c] == 0) continue;
            double maximum = Of(mask, c, out double total);
            for (int n = 0; n < around.Length; n++)
            {
                int at = Neighbour(c, around[n].Down, around[n].Right);
                if (at < 0) continue;
                double v = around[n].Weight * mask[at];
                gradient[at] += (float)(upstream[c] * around[n].Weight * powers[n] / total * (1 + Coldness * (v - maximum)));
            }
        }
    }

    private double Of(ReadOnlySpan<float> mask, int c, out double total)
    {
        double sum = 0;
        total = 0;
        for (int n = 0; n < around.Length; n++)
        {
            int at = Neighbour(c, around[n].Down, around[n].Right);
            double v = at < 0 ? 0 : around[n].Weight * mask[at]; // at most 1
            total += powers[n] = Math.Exp(Coldness * (v - 1));
            sum += powers[n] * v;
        }
        return sum / total;
    }

    private int Neighbour(int c, int down, int right)
    {
        int y = c / columns + down, x = c % columns + right;
        return (uint)y < (uint)rows && (uint)x < (uint)columns ? y * columns + x : -1;
    }
}
