using Limn.Engine;
using MathNet.Numerics.LinearAlgebra;

namespace Limn.ClassActivation;

/// <summary>The strongest pattern that maps share: the projection of each position on the first principal direction of the channels.</summary>
internal static class EigenMap
{
    /// <summary>For each row, M · v₁ with M the matrix [positions, channels] and v₁ its first right singular vector.</summary>
    /// <param name="maps">The matrix of each row.</param>
    /// <param name="center">Whether each channel's mean over positions is taken off first.</param>
    /// <remarks>
    /// Singular vectors have no sign of their own: it is chosen so that the map agrees with the sum over channels, Σ_p map_p Σ_c M_pc ≥ 0; where that
    /// is zero, so that its element of largest size, the first of equal ones, is positive. The vector comes from the smaller of the two Gram matrices.
    /// </remarks>
    public static double[] Of(FeatureMaps maps, bool center)
    {
        var result = new double[maps.Rows * maps.Positions];
        for (int r = 0; r < maps.Rows; r++)
        {
            Matrix<double> m = Matrix<double>.Build.Dense(maps.Positions, maps.Channels);
            for (int c = 0; c < maps.Channels; c++)
            {
                ReadOnlySpan<float> a = maps.Channel(r, c);
                double mean = center ? FeatureMaps.Sum(a) / a.Length : 0;
                for (int p = 0; p < a.Length; p++)
                {
                    if (!float.IsFinite(a[p])) throw new InvalidDataException($"The layer holds {a[p]} in row {r}, channel {c}; its principal direction is not defined.");
                    m[p, c] = a[p] - mean;
                }
            }
            Project(m, result.AsSpan(r * maps.Positions, maps.Positions));
        }
        return result;
    }

    private static void Project(Matrix<double> m, Span<double> map)
    {
        if (m.RowCount <= m.ColumnCount)
        {
            var (value, vector) = Largest(m.TransposeAndMultiply(m)); // M v₁ = σ₁ u₁
            (vector * Math.Sqrt(Math.Max(0, value))).AsArray().CopyTo(map);
        }
        else
        {
            (m * Largest(m.TransposeThisAndMultiply(m)).Vector).AsArray().CopyTo(map);
        }
        Vector<double> sums = m.RowSums();
        double agreement = 0, scale = 0, largest = 0;
        for (int p = 0; p < map.Length; p++)
        {
            agreement += map[p] * sums[p];
            scale += Math.Abs(map[p] * sums[p]);
            if (Math.Abs(map[p]) > Math.Abs(largest)) largest = map[p];
        }
        if (Math.Abs(agreement) > 1e-9 * scale ? agreement < 0 : largest < 0)
            foreach (ref double v in map) v = -v;
    }

    private static (double Value, Vector<double> Vector) Largest(Matrix<double> gram)
    {
        var decomposition = gram.Evd(Symmetricity.Symmetric);
        int last = gram.RowCount - 1; // in ascending order
        return (decomposition.EigenValues[last].Real, decomposition.EigenVectors.Column(last));
    }
}
