using Limn.Gradients;

namespace Limn.Trees.Shap;

/// <summary>From margins to what is explained: the identity, the model's transform, or the loss of a label.</summary>
/// <remarks>
/// For an output g(m) that looks at its own margin alone, values against one background row b are rescaled by the slope of the secant,
/// (g(f(x)) − g(f(b))) / (f(x) − f(b)), or the derivative where both margins are equal. Where outputs look at all margins (softmax), the slopes are the
/// Jacobian's mean along the line between both rows' margins, by quadrature, to which the smallest matrix is added that makes them add up.
/// </remarks>
internal sealed class OutputLink(ExplainedOutput output, OutputTransform transform, double scale, int margins)
{
    private static readonly (double[] Nodes, double[] Weights) Line = QuadratureNodes.Of(Quadrature.GaussLegendre, 32);

    private readonly bool softmax = transform == OutputTransform.Softmax;

    /// <summary>The number of margins of a row.</summary>
    public int Margins => margins;

    /// <summary>The number of outputs that are explained.</summary>
    public int Outputs => output == ExplainedOutput.LogLoss && softmax ? 1 : margins;

    /// <summary>How many labels a row has.</summary>
    public int Labels => output == ExplainedOutput.LogLoss ? Outputs : 0;

    /// <summary>The outputs of a row's margins.</summary>
    public void Apply(ReadOnlySpan<double> m, ReadOnlySpan<float> labels, Span<double> to)
    {
        if (output == ExplainedOutput.LogLoss)
        {
            if (softmax) to[0] = LogSum(m) - scale * m[(int)labels[0]];
            else for (int o = 0; o < to.Length; o++) to[o] = Loss(scale * m[o], labels[o]);
            return;
        }
        m.CopyTo(to);
        if (output == ExplainedOutput.Probability) transform.Apply(to, scale);
    }

    // log(1 + eᵐ) - y m, without overflow.
    private static double Loss(double m, double label) => Math.Max(m, 0) + double.LogP1(Math.Exp(-Math.Abs(m))) - label * m;

    private double LogSum(ReadOnlySpan<double> m)
    {
        double top = double.NegativeInfinity, sum = 0;
        foreach (double v in m) top = Math.Max(top, scale * v);
        foreach (double v in m) sum += Math.Exp(scale * v - top);
        return top + Math.Log(sum);
    }

    /// <summary>[outputs, margins] The slopes between a background row's margins and an explained row's.</summary>
    /// <param name="from">The background row's margins.</param>
    /// <param name="to">The explained row's.</param>
    /// <param name="labels">The explained row's labels.</param>
    /// <param name="atFrom">The background row's outputs, with the explained row's labels.</param>
    /// <param name="atTo">The explained row's outputs.</param>
    /// <param name="slopes">The result.</param>
    public void Slopes(ReadOnlySpan<double> from, ReadOnlySpan<double> to, ReadOnlySpan<float> labels, ReadOnlySpan<double> atFrom, ReadOnlySpan<double> atTo, Span<double> slopes)
    {
        slopes.Clear();
        if (softmax && output != ExplainedOutput.Margin)
        {
            OfSoftmax(from, to, labels, slopes);
            Complete(from, to, atFrom, atTo, slopes);
            return;
        }
        for (int o = 0; o < margins; o++)
        {
            double difference = to[o] - from[o];
            slopes[o * margins + o] = Math.Abs(difference) > 1e-9 * (1 + Math.Abs(to[o])) ? (atTo[o] - atFrom[o]) / difference : Derivative(to[o], labels, o);
        }
    }

    private double Derivative(double m, ReadOnlySpan<float> labels, int o)
    {
        double z = scale * m;
        if (output == ExplainedOutput.Margin) return 1;
        if (output == ExplainedOutput.LogLoss) return scale * (1 / (1 + Math.Exp(-z)) - labels[o]);
        return scale * transform switch
        {
            OutputTransform.Logistic => 1 / (2 + Math.Exp(z) + Math.Exp(-z)),
            OutputTransform.Exponential => Math.Exp(z),
            OutputTransform.Softplus => 1 / (1 + Math.Exp(-z)),
            OutputTransform.SignedSquare => 2 * Math.Abs(z),
            OutputTransform.Step => 0,
            _ => 1,
        };
    }

    private void OfSoftmax(ReadOnlySpan<double> from, ReadOnlySpan<double> to, ReadOnlySpan<float> labels, Span<double> slopes)
    {
        Span<double> p = new double[margins];
        for (int q = 0; q < Line.Nodes.Length; q++)
        {
            for (int c = 0; c < margins; c++) p[c] = from[c] + Line.Nodes[q] * (to[c] - from[c]);
            OutputTransform.Softmax.Apply(p, scale);
            for (int o = 0; o < Outputs; o++)
            {
                for (int c = 0; c < margins; c++)
                {
                    double slope = output == ExplainedOutput.LogLoss ? p[c] - (c == (int)labels[0] ? 1 : 0) : p[o] * ((o == c ? 1 : 0) - p[c]);
                    slopes[o * margins + c] += Line.Weights[q] * scale * slope;
                }
            }
        }
    }

    /// <summary>Slopes times the difference of margins are the difference of outputs, exactly.</summary>
    private void Complete(ReadOnlySpan<double> from, ReadOnlySpan<double> to, ReadOnlySpan<double> atFrom, ReadOnlySpan<double> atTo, Span<double> slopes)
    {
        double square = 0;
        for (int c = 0; c < margins; c++) square += (to[c] - from[c]) * (to[c] - from[c]);
        if (square == 0) return;
        for (int o = 0; o < Outputs; o++)
        {
            double rest = atTo[o] - atFrom[o];
            for (int c = 0; c < margins; c++) rest -= slopes[o * margins + c] * (to[c] - from[c]);
            for (int c = 0; c < margins; c++) slopes[o * margins + c] += rest * (to[c] - from[c]) / square;
        }
    }
}
