using Limn.Engine.Onnx;

namespace Limn.Trees;

/// <summary>What kind of file trees came from.</summary>
public enum TreeFormat
{
    /// <summary>XGBoost's JSON.</summary>
    XgboostJson,

    /// <summary>XGBoost's UBJSON.</summary>
    XgboostUbjson,

    /// <summary>LightGBM's text.</summary>
    LightGbm,

    /// <summary>CatBoost's JSON.</summary>
    CatBoost,

    /// <summary>ONNX, with a TreeEnsemble operator.</summary>
    Onnx,
}

/// <summary>A file of trees in any format that Limn reads, recognised by its contents.</summary>
/// <param name="Ensemble">The trees.</param>
/// <param name="Format">What the file is.</param>
/// <param name="Onnx">The model that the trees are part of, if it is an ONNX file.</param>
public sealed record TreeFile(TreeEnsemble Ensemble, TreeFormat Format, OnnxTrees? Onnx = null)
{
    /// <summary>Opens a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="largestFile">The most bytes that it may have.</param>
    /// <exception cref="InvalidModelException">The file is missing, too large, cut off, or no model of trees that is read.</exception>
    /// <exception cref="UnsupportedOperatorException">It is an ONNX model with an operator that Limn does not know.</exception>
    public static TreeFile Read(string path, long largestFile = ModelBytes.DefaultLargest) =>
        ModelBytes.Read(path, largestFile, bytes => Read(bytes, () => OnnxReader.Read(path))); // which may have weights in files beside it

    /// <summary>Reads a model from the bytes of a file.</summary>
    /// <exception cref="InvalidModelException">As for a file.</exception>
    /// <exception cref="UnsupportedOperatorException">As for a file.</exception>
    public static TreeFile Read(byte[] bytes)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        return Read(bytes, () => OnnxReader.Read(bytes.AsMemory()));
    }

    private static TreeFile Read(byte[] bytes, Func<OnnxFile> readOnnx)
    {
        if (LightGbmReader.LooksRight(bytes)) return new TreeFile(LightGbmReader.Read(bytes), TreeFormat.LightGbm);
        if (XgboostReader.LooksLikeUbjson(bytes)) return new TreeFile(XgboostReader.Read(bytes), TreeFormat.XgboostUbjson);
        if (XgboostReader.LooksLikeJson(bytes)) return ReadJson(new FileValue(JsonFile.Read((byte[])bytes.Clone()), ""));
        if (Foreign(bytes) is { } what) throw new InvalidModelException(what);
        try
        {
            OnnxTrees onnx = OnnxTrees.Of(readOnnx().Graph);
            return new TreeFile(onnx.Ensemble, TreeFormat.Onnx, onnx);
        }
        catch (InvalidModelException e)
        {
            throw new InvalidModelException($"The file is neither XGBoost's JSON or UBJSON, LightGBM's text, CatBoost's JSON, nor an ONNX model with trees ({e.Message})", e);
        }
    }

    private static TreeFile ReadJson(FileValue root)
    {
        if (!root.Find("learner").IsNull) return new TreeFile(XgboostReader.Read(root), TreeFormat.XgboostJson);
        if (CatBoostReader.LooksRight(root)) return new TreeFile(CatBoostReader.Read(root), TreeFormat.CatBoost);
        throw new InvalidModelException(root.Find("tree_info").IsNull
            ? "The file is JSON, but neither a model of XGBoost ('learner' is missing) nor one of CatBoost ('oblivious_trees' is missing)."
            : "The file is what LightGBM's dump_model gives, which rounds its numbers; save the model with save_model(\"model.txt\").");
    }

    /// <summary>What to do with a file that is known not to be read; null if nothing is known of it.</summary>
    private static string? Foreign(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> start = bytes.TrimStart(" \t\r\n"u8);
        if (bytes.IsEmpty) return "The file is empty.";
        if (bytes.StartsWith("CBM1"u8)) return "The file is CatBoost's own binary format; save the model with save_model(\"model.json\", format=\"json\").";
        if (bytes.StartsWith("binf"u8) || bytes.StartsWith("bs64"u8)) return "The file is XGBoost's old binary format; load it in XGBoost and save it with save_model(\"model.json\").";
        if (start.StartsWith("["u8) || start.StartsWith("booster["u8)) return "The file is what XGBoost's dump_model gives, which lacks what predictions need; save the model with save_model(\"model.json\").";
        if (bytes.Length > 1 && bytes[0] == 0x80 && bytes[1] is >= 2 and <= 5) return "The file is a Python pickle, which is a program and is not run; save the model in its library's own format, or a scikit-learn model as ONNX with skl2onnx.";
        if (bytes.StartsWith("PK\u0003\u0004"u8)) return "The file is a zip archive, as ML.NET saves its models; save the model as ONNX with mlContext.Model.ConvertToOnnx.";
        return null;
    }
}
