# Runs flake8 and mypy as tests/run.py and CI do:  ./_flake8.ps1   (Windows PowerShell 5.1 and pwsh)
$run = Join-Path (Join-Path $PSScriptRoot 'tests') 'run.py'
foreach ($name in 'python3', 'python', 'py') {
    $python = Get-Command $name -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
    if (-not $python) { continue }
    # The Windows Store puts a python.exe on the PATH that only opens the store.
    & $python.Source -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>$null
    if ($LASTEXITCODE -eq 0) {
        & $python.Source $run --lint @args
        exit $LASTEXITCODE
    }
}
Write-Host 'Python 3.11 or newer was not found; install it first.'
exit 1
