namespace Limn.Trees;

/// <summary>The function from the margins of a row, m, to its predictions.</summary>
public enum OutputTransform
{
    /// <summary>m.</summary>
    Identity,

    /// <summary>1 / (1 + e⁻ᵐ), for each output on its own.</summary>
    Logistic,

    /// <summary>eᵐ / Σ eᵐ over the outputs.</summary>
    Softmax,

    /// <summary>eᵐ.</summary>
    Exponential,

    /// <summary>1 if m is above 0, else 0: the hinge loss.</summary>
    Step,

    /// <summary>log(1 + eᵐ).</summary>
    Softplus,

    /// <summary>sign(m) · m²: LightGBM's <c>reg_sqrt</c>.</summary>
    SignedSquare,
}

internal static class OutputTransforms
{
    /// <summary>Turns the margins of one row into predictions, in place. NaN stays NaN; a softmax subtracts the maximum first.</summary>
    public static void Apply(this OutputTransform transform, Span<double> row, double scale)
    {
        foreach (ref double m in row) m *= scale;
        if (transform == OutputTransform.Softmax)
        {
            double top = double.NegativeInfinity, sum = 0;
            foreach (double m in row) top = Math.Max(top, m);
            foreach (ref double m in row) sum += m = Math.Exp(m - top);
            foreach (ref double m in row) m /= sum;
            return;
        }
        foreach (ref double m in row) m = Of(transform, m);
    }

    private static double Of(OutputTransform transform, double m) => transform switch
    {
        OutputTransform.Identity => m,
        OutputTransform.Logistic => 1 / (1 + Math.Exp(-m)),
        OutputTransform.Exponential => Math.Exp(m),
        OutputTransform.Step => m > 0 ? 1 : 0,
        OutputTransform.Softplus => m > 0 ? m + double.LogP1(Math.Exp(-m)) : double.LogP1(Math.Exp(m)),
        OutputTransform.SignedSquare => m * Math.Abs(m),
        _ => throw new InvalidModelException($"There is no output transform {transform}."),
    };
}
