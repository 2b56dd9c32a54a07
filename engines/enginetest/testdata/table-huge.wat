;; One element more than all tables may have.
(module (table 1048577 funcref))
