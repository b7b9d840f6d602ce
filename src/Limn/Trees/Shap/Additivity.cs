namespace Limn.Trees.Shap;

/// <summary>Whether values add up.</summary>
internal static class Additivity
{
    /// <summary>The largest |expected + Σ values − prediction|, relative to the largest Σ |values| of any row (or to the rounding of the outputs, if that is larger).</summary>
    /// <exception cref="AdditivityException">It is above the tolerance.</exception>
    public static double Check(double[] values, int players, int outputs, double[] expected, double[] predictions, double tolerance)
    {
        double worst = 0;
        int rows = predictions.Length / outputs;
        for (int o = 0; o < outputs; o++)
        {
            double error = 0, range = 0, size = 0;
            int at = 0;
            for (int r = 0; r < rows; r++)
            {
                double sum = 0, sizes = 0;
                for (int p = 0; p < players; p++)
                {
                    double v = values[(r * players + p) * outputs + o];
                    sum += v;
                    sizes += Math.Abs(v);
                }
                double e = expected[r * outputs + o], f = predictions[r * outputs + o], difference = Math.Abs(e + sum - f);
                if (!double.IsNaN(error) && !(difference <= error)) (error, at) = (difference, r); // NaN is the worst
                range = Math.Max(range, sizes);
                size = Math.Max(size, Math.Max(Math.Abs(e), Math.Abs(f)));
            }
            double relative = error == 0 ? 0 : error / Math.Max(range, 1e-9 * size);
            if (!(relative <= tolerance))
            {
                int place = at * outputs + o;
                throw new AdditivityException($"The values of output {o} do not add up: row {at} has {predictions[place]:G9}, but the expected value {expected[place]:G9} and its values sum to " +
                    $"something {error:G3} away, {relative:G3} of the values' sizes ({tolerance:G3} is allowed). Quadrature is the more precise algorithm; a higher tolerance accepts these.");
            }
            worst = Math.Max(worst, relative);
        }
        return worst;
    }
}
